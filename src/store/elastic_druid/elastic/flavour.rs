//! Who answers there: Elasticsearch or OpenSearch, and which version.

use super::error::ElasticError;
use serde_json::Value;

/// Which product.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Flavour {
    /// Elasticsearch.
    Elasticsearch,
    /// OpenSearch.
    OpenSearch,
}

impl Flavour {
    /// The name as people write it.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Flavour::Elasticsearch => "Elasticsearch",
            Flavour::OpenSearch => "OpenSearch",
        }
    }

    /// The oldest version we work with, as (major, minor), and as people read it.
    fn oldest(self) -> ((u32, u32), &'static str) {
        match self {
            Flavour::Elasticsearch => ((7, 17), "Elasticsearch 7.17 or later"),
            Flavour::OpenSearch => ((2, 0), "OpenSearch 2.0 or later"),
        }
    }
}

/// What a node says of itself at `GET /`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct About {
    /// The node asked.
    pub node: String,
    /// Which product.
    pub flavour: Flavour,
    /// Its version as written.
    pub version: String,
    /// Major and minor.
    pub release: (u32, u32),
    /// Name of the cluster.
    pub cluster: String,
    /// Id of the cluster.
    pub cluster_uuid: String,
}

impl About {
    /// Reads the answer to `GET /`.
    ///
    /// # Errors
    /// It is not a search node, or too old.
    pub fn read(node: &str, body: &[u8]) -> Result<Self, ElasticError> {
        let strange = |saw: &str| ElasticError::NotSearchNode {
            node: node.to_owned(),
            saw: saw.to_owned(),
        };
        let value: Value = serde_json::from_slice(body).map_err(|_| strange("it answers with something else"))?;
        let text = |pointer: &str| value.pointer(pointer).and_then(Value::as_str).map(str::to_owned);
        let version = text("/version/number").ok_or_else(|| strange("its answer has no version"))?;
        let flavour = match text("/version/distribution").as_deref() {
            Some("opensearch") => Flavour::OpenSearch,
            Some(other) => return Err(strange(&format!("it calls itself {other:?}"))),
            None if text("/tagline").is_some_and(|tagline| tagline.contains("OpenSearch")) => Flavour::OpenSearch,
            None => Flavour::Elasticsearch,
        };
        let mut numbers = version.split('.').map(|part| {
            let digits: String = part.chars().take_while(char::is_ascii_digit).collect();
            digits.parse::<u32>().ok()
        });
        let (Some(Some(major)), Some(Some(minor))) = (numbers.next(), numbers.next()) else {
            return Err(strange(&format!("its version is {version:?}")));
        };
        let (oldest, wanted) = flavour.oldest();
        if (major, minor) < oldest {
            return Err(ElasticError::TooOld {
                node: node.to_owned(),
                flavour: flavour.name(),
                version,
                wanted,
            });
        }
        Ok(Self {
            node: node.to_owned(),
            flavour,
            version,
            release: (major, minor),
            cluster: text("/cluster_name").unwrap_or_default(),
            cluster_uuid: text("/cluster_uuid").unwrap_or_default(),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn flavour_and_version_are_read_and_old_or_foreign_nodes_refused() {
        let read = |body: &str| About::read("http://n:9200", body.as_bytes());
        let elastic = r#"{"cluster_name":"c","cluster_uuid":"u","version":{"number":"7.17.29"},"tagline":"You Know, for Search"}"#;
        let about = read(elastic).unwrap();
        assert_eq!((about.flavour, about.release), (Flavour::Elasticsearch, (7, 17)));
        for version in ["8.19.0", "9.0.0-rc1"] {
            let body = elastic.replace("7.17.29", version);
            assert_eq!(read(&body).unwrap().flavour, Flavour::Elasticsearch, "{version}");
        }
        for (version, flavour) in [("2.19.1", true), ("3.0.0", true), ("1.3.0", false)] {
            let body = format!(r#"{{"version":{{"distribution":"opensearch","number":"{version}"}}}}"#);
            assert_eq!(read(&body).is_ok(), flavour, "{version}");
        }
        let error = read(&elastic.replace("7.17.29", "7.10.2")).unwrap_err();
        assert_eq!(
            error.to_string(),
            "http://n:9200 is Elasticsearch 7.10.2, too old: Elasticsearch 7.17 or later is needed"
        );
        for body in [
            "<html>",
            "{}",
            "[]",
            r#"{"version":{"number":"x"}}"#,
            r#"{"version":{"number":"9.0","distribution":"other"}}"#,
        ] {
            assert!(matches!(read(body), Err(ElasticError::NotSearchNode { .. })), "{body}");
        }
    }
}
