//! When a fold is full.

/// Bounds of a fold. Meeting one asks for an early flush; nothing is ever dropped for them.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct FoldLimits {
    /// Cells: distinct (identity, dimensions, minute).
    pub keys: usize,
    /// Bytes of cells, samples and rejects, as accounted.
    pub bytes: usize,
}

impl Default for FoldLimits {
    /// 50,000 cells and 48 MB: with one flush being applied and one filling this stays below 100 MB.
    fn default() -> Self {
        Self {
            keys: 50_000,
            bytes: 48 * 1024 * 1024,
        }
    }
}
