//! The tests that SECURITY.md names exist.

use std::path::{Path, PathBuf};

#[test]
fn every_test_named_in_the_security_table_exists() {
    let top = Path::new(env!("CARGO_MANIFEST_DIR")).join("../..");
    let page = std::fs::read_to_string(top.join("SECURITY.md")).unwrap();
    let rows = page.lines().filter(|line| line.starts_with("| ") && line.ends_with("` |"));
    let named: Vec<_> = rows.filter_map(|row| row.rsplit('`').nth(1)).collect();
    assert!(named.len() >= 20, "the table is gone");
    let mut sources = String::new();
    read_all(top.join("crates"), &mut sources);
    read_all(top.join("tests"), &mut sources);
    let missing: Vec<_> =
        named.iter().filter(|name| !sources.contains(&format!("fn {name}()"))).collect();
    assert!(missing.is_empty(), "no such tests: {missing:?}");
}

fn read_all(folder: PathBuf, sources: &mut String) {
    for entry in std::fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            read_all(path, sources);
        } else if path.extension().is_some_and(|extension| extension == "rs") {
            sources.push_str(&std::fs::read_to_string(path).unwrap());
        }
    }
}
