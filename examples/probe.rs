use seismolog::{decode::*, event::Dimensions, identity::key::KeyMaker};
use std::collections::HashSet;
use std::time::Instant;
fn main() {
    let data = std::fs::read(std::env::args().nth(1).unwrap()).unwrap();
    let mut d = Decoder::new(Limits::default(), jiff::tz::TimeZone::UTC);
    let lines: Vec<&[u8]> = data.split(|&b| b == b'\n').filter(|l| !l.is_empty()).collect();
    for _ in 0..2 {
        let t = Instant::now();
        let mut n = 0u64;
        for l in &lines {
            d.decode(l, &mut |r| {
                n += r.is_ok() as u64;
            });
        }
        println!("decode {} ns/rec ok {n}", t.elapsed().as_nanos() / lines.len() as u128);
        let t = Instant::now();
        let mut k = KeyMaker::default();
        let dims = Dimensions::default();
        let mut set = HashSet::new();
        let mut hit = 0;
        for l in &lines {
            d.decode(l, &mut |r| {
                if let Ok(e) = r {
                    if !set.insert(k.key(&e, &dims)) {
                        hit += 1
                    }
                }
            });
        }
        println!(
            "decode+key {} ns/rec keys {} hit {:.3}",
            t.elapsed().as_nanos() / lines.len() as u128,
            set.len(),
            hit as f64 / lines.len() as f64
        );
    }
}
