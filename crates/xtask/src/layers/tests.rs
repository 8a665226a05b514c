//! Each rule is shown a workspace that breaks it and nothing else.

use std::collections::BTreeMap;

use super::*;

const CORE_ROOT: &str = "//! Doc.\n#![forbid(unsafe_code)]\n#![no_std]\nextern crate alloc;\n";
const STD_ROOT: &str = "#![forbid(unsafe_code)]\nfn main() {}\n";

fn dependency(name: &str) -> Dependency {
    let own = row(name).is_some();
    Dependency {
        name: name.to_owned(),
        kind: DependencyKind::Normal,
        optional: false,
        default_features: false,
        features: Vec::new(),
        requirement: if own { "=0.1.0" } else { "^1.0" }.to_owned(),
    }
}

fn package(row: &Row) -> Package {
    let library = row.room != Binary;
    let file = Source {
        path: format!("crates/{}/src/{}", row.name, if library { "lib.rs" } else { "main.rs" }),
        text: if row.room.is_no_std() { CORE_ROOT } else { STD_ROOT }.to_owned(),
    };
    let mut dependencies: Vec<Dependency> = row.uses.iter().copied().map(dependency).collect();
    for name in row.only_optional {
        dependencies.push(Dependency { optional: true, ..dependency(name) });
    }
    if !matches!(row.room, Names) {
        dependencies.extend(COMMON.iter().copied().map(dependency));
    }
    Package {
        name: row.name.to_owned(),
        description: Some("words".to_owned()),
        license: Some("MIT".to_owned()),
        rust_version: Some(row.rust.to_owned()),
        published: row.product,
        manifest: format!("crates/{}/Cargo.toml", row.name),
        manifest_text: "[package]\n\n[lints]\nworkspace = true\n".to_owned(),
        dependencies,
        features: Vec::new(),
        roots: vec![Root { library, source: file.clone() }],
        sources: vec![file],
    }
}

/// A workspace that uses everything the table allows.
fn full_house() -> Workspace {
    Workspace {
        packages: TABLE.iter().map(package).collect(),
        trees: Vec::new(),
        rust_versions: BTreeMap::new(),
    }
}

/// The full house after a change to one of its crates.
fn house_with(name: &str, change: impl FnOnce(&mut Package)) -> Workspace {
    let mut house = full_house();
    change(house.packages.iter_mut().find(|package| package.name == name).unwrap());
    house
}

/// The full house with the tree of one crate.
fn house_with_tree(text: &str) -> Workspace {
    Workspace { trees: vec![Tree::parse(text).unwrap()], ..full_house() }
}

#[track_caller]
fn assert_broken(house: &Workspace, rule: Rule) -> Violation {
    let violations = check(house);
    let rules: Vec<Rule> = violations.iter().map(|violation| violation.rule).collect();
    assert_eq!(rules, [rule], "{violations:#?}");
    violations.into_iter().next().unwrap()
}

#[track_caller]
fn assert_kept(house: &Workspace) {
    let violations = check(house);
    assert!(violations.is_empty(), "{violations:#?}");
}

#[test]
fn everything_the_table_allows_is_accepted() {
    assert_kept(&full_house());
}

#[test]
fn violation_says_what_where_and_what_to_do() {
    let house =
        house_with("sealgram-flight", |p| p.dependencies.push(dependency("sealgram-crypto")));
    let text = assert_broken(&house, Rule::NotInRow).to_string();
    assert_eq!(
        text,
        "layers: sealgram-flight depends on sealgram-crypto\n  \
         where: crates/sealgram-flight/Cargo.toml [dependencies]\n  \
         do:    do without it, or add it to the row of sealgram-flight in \
         crates/xtask/src/layers.rs with its reason in deny.toml"
    );
}

#[test]
fn crate_without_a_row_is_refused() {
    let mut house = full_house();
    house.packages.push(Package { name: "sealgram-extra".to_owned(), ..house.packages[0].clone() });
    assert_broken(&house, Rule::UnknownCrate);
}

#[test]
fn row_without_a_crate_is_refused() {
    let mut house = full_house();
    house.packages.retain(|package| package.name != "sealgram-cookie");
    assert_broken(&house, Rule::StaleRow);
}

#[test]
fn arrow_that_is_not_down_is_refused() {
    for (from, to) in [
        ("sealgram-iana", "sealgram-wire"),     // up
        ("sealgram-crypto", "sealgram-wire"),   // sideways on level 1
        ("sealgram-record", "sealgram-flight"), // sideways on level 2
        ("sealgram-handshake", "sealgram-x509"),
        ("sealgram-cookie", "sealgram"),
        ("sealgram", "sealgram-udp"),
        ("sealgram-udp", "sealgram-cli"),
        ("sealgram-record", "sealgram-ring"), // a layer that sees a provider
        ("sealgram-udp", "sealgram-ring"),    // a driver that sees a provider
        ("sealgram-ring", "sealgram-wire"),   // a provider that sees more than the traits
        ("sealgram-ring", "sealgram"),
    ] {
        let house = house_with(from, |p| p.dependencies.push(dependency(to)));
        let violation = assert_broken(&house, Rule::Direction);
        assert_eq!(violation.what, format!("{from} depends on {to}"));
    }
}

#[test]
fn arrow_that_is_not_down_stays_refused_when_optional_or_for_building() {
    let optional = Dependency { optional: true, ..dependency("sealgram-flight") };
    let build = Dependency { kind: DependencyKind::Build, ..dependency("sealgram-flight") };
    for dependency in [optional, build] {
        let house = house_with("sealgram-record", |p| p.dependencies.push(dependency));
        assert_broken(&house, Rule::Direction);
    }
}

#[test]
fn table_holds_no_arrow_that_the_levels_forbid() {
    for from in TABLE {
        for name in from.uses.iter().chain(from.only_optional) {
            if let Some(to) = row(name) {
                assert_eq!(may_point_at(from, to), Ok(()), "{} -> {name}", from.name);
            }
        }
    }
}

#[test]
fn dependency_outside_the_row_is_refused() {
    for (from, to) in [
        ("sealgram-wire", "smallvec"),
        ("sealgram-iana", "zeroize"), // the names stand on core alone
        ("sealgram-cli", "anyhow"),
    ] {
        let house = house_with(from, |p| p.dependencies.push(dependency(to)));
        assert_broken(&house, Rule::NotInRow);
    }
    let optional = Dependency { optional: true, ..dependency("serde") };
    let house = house_with("sealgram-wire", |p| p.dependencies.push(optional));
    assert_broken(&house, Rule::NotInRow);
}

#[test]
fn provider_in_the_facade_must_be_optional() {
    let house = house_with("sealgram", |p| {
        let ring = p.dependencies.iter_mut().find(|dep| dep.name == "sealgram-ring").unwrap();
        ring.optional = false;
    });
    assert_broken(&house, Rule::MustBeOptional);
}

#[test]
fn driver_that_chooses_the_provider_is_refused() {
    let facade = |p: &mut Package, change: fn(&mut Dependency)| {
        change(p.dependencies.iter_mut().find(|dep| dep.name == "sealgram").unwrap());
    };
    let default = house_with("sealgram-udp", |p| facade(p, |dep| dep.default_features = true));
    assert_broken(&default, Rule::ProviderChosen);
    let ring =
        house_with("sealgram-udp", |p| facade(p, |dep| dep.features = vec!["ring".to_owned()]));
    assert_broken(&ring, Rule::ProviderChosen);
    let std =
        house_with("sealgram-udp", |p| facade(p, |dep| dep.features = vec!["std".to_owned()]));
    assert_kept(&std);
}

#[test]
fn guarded_crate_is_named_behind_its_door_only() {
    for (from, to) in [
        ("sealgram", "ring"),
        ("sealgram-x509", "ring"),
        ("sealgram-handshake", "rustls-webpki"),
        ("sealgram-udp", "tokio"),
        ("sealgram-cli", "tokio"),
    ] {
        let house = house_with(from, |p| p.dependencies.push(dependency(to)));
        assert_broken(&house, Rule::Door);
    }
    // Even where nothing is shipped: a unit test reaches ring through the provider, too.
    let dev = Dependency { kind: DependencyKind::Dev, ..dependency("ring") };
    let house = house_with("sealgram-record", |p| p.dependencies.push(dev));
    assert_broken(&house, Rule::Door);
    let tests = house_with("sealgram-tests", |p| p.dependencies.push(dependency("tokio")));
    assert_kept(&tests);
}

#[test]
fn guarded_crate_reached_through_a_feature_of_another_is_refused() {
    let house = house_with_tree(
        "0 sealgram-x509 v0.1.0 (/x)\n1 rustls-webpki v0.103.17\n2 ring v0.17.14\n",
    );
    let violation = assert_broken(&house, Rule::Door);
    assert_eq!(violation.place, "sealgram-x509 -> rustls-webpki -> ring");
    assert_kept(&house_with_tree(
        "0 sealgram-cli v0.1.0 (/x)\n1 rcgen v0.14.0\n2 ring v0.17.14\n1 sealgram-ring v0.1.0\n\
         2 ring v0.17.14 (*)\n",
    ));
}

#[test]
fn foreign_tls_anywhere_in_the_tree_is_refused() {
    for name in [
        "openssl",
        "openssl-sys",
        "boring",
        "boring-sys",
        "aws-lc-rs",
        "aws-lc-sys",
        "wolfssl-sys",
        "mbedtls-platform-support",
        "gnutls-sys",
        "native-tls",
        "s2n-tls-sys",
        "libressl-src",
    ] {
        let tree = format!("0 sealgram-cli v0.1.0 (/x)\n1 clap v4.0.0\n2 {name} v1.0.0\n");
        let violation = assert_broken(&house_with_tree(&tree), Rule::ForeignTls);
        assert_eq!(violation.place, format!("sealgram-cli -> clap -> {name}"));
    }
    for name in ["native-tls-like", "tls", "ring-openssl"] {
        assert!(!is_foreign_tls(name), "{name}");
    }
}

#[test]
fn foreign_tls_in_the_tests_is_accepted() {
    assert_kept(&house_with("sealgram-tests", |p| p.dependencies.push(dependency("boring"))));
}

#[test]
fn worthless_cryptography_is_for_tests_only() {
    for from in ["sealgram", "sealgram-record", "sealgram-cli", "sealgram-udp", "xtask"] {
        let optional = Dependency { optional: true, ..dependency("nullcrypto") };
        let house = house_with(from, |p| p.dependencies.push(optional));
        assert_broken(&house, Rule::Direction);
    }
    let dev = Dependency { kind: DependencyKind::Dev, ..dependency("nullcrypto") };
    assert_kept(&house_with("sealgram-record", |p| p.dependencies.push(dev)));
    assert_kept(&house_with("sealgram-tests", |p| p.dependencies.push(dependency("nullcrypto"))));
}

#[test]
fn worthless_cryptography_behind_a_product_feature_is_refused() {
    for item in ["dep:nullcrypto", "nullcrypto/fast", "nullcrypto?/fast", "nullcrypto"] {
        let house = house_with("sealgram", |p| {
            p.features.push(("testing".to_owned(), vec!["std".to_owned(), item.to_owned()]));
        });
        assert_broken(&house, Rule::TestCrateReached);
    }
    assert_kept(&house_with("sealgram", |p| {
        p.features.push(("ring".to_owned(), vec!["dep:sealgram-ring".to_owned()]));
    }));
}

#[test]
fn worthless_cryptography_in_a_product_tree_is_refused() {
    let house = house_with_tree("0 sealgram v0.1.0 (/x)\n1 other v1.0.0\n2 nullcrypto v0.1.0\n");
    assert_broken(&house, Rule::TestCrateReached);
}

#[test]
fn own_crate_without_an_exact_version_is_refused() {
    for requirement in ["*", "^0.1.0"] {
        let house = house_with("sealgram-record", |p| {
            let wire = p.dependencies.iter_mut().find(|dep| dep.name == "sealgram-wire").unwrap();
            requirement.clone_into(&mut wire.requirement);
        });
        assert_broken(&house, Rule::Requirement);
    }
}

#[test]
fn publish_flag_that_contradicts_the_table_is_refused() {
    assert_broken(&house_with("nullcrypto", |p| p.published = true), Rule::Publish);
    assert_broken(&house_with("sealgram-wire", |p| p.published = false), Rule::Publish);
}

#[test]
fn manifest_without_description_or_licence_is_refused() {
    for name in ["sealgram", "sealgram-tests"] {
        assert_broken(&house_with(name, |p| p.description = None), Rule::Manifest);
        assert_broken(&house_with(name, |p| p.description = Some(String::new())), Rule::Manifest);
        assert_broken(&house_with(name, |p| p.license = None), Rule::Manifest);
    }
}

#[test]
fn rust_version_other_than_the_row_is_refused() {
    assert_broken(&house_with("sealgram", |p| p.rust_version = None), Rule::RustVersion);
    let newer = house_with("sealgram", |p| p.rust_version = Some("1.88".to_owned()));
    assert_broken(&newer, Rule::RustVersion);
    assert_kept(&house_with("sealgram-tests", |p| p.rust_version = None));
}

#[test]
fn dependency_that_needs_a_newer_rust_is_refused() {
    let tree = "0 sealgram-x509 v0.1.0 (/x)\n1 rustls-webpki v0.103.17\n2 untrusted v0.9.0\n";
    let mut house = house_with_tree(tree);
    house.rust_versions.insert("untrusted 0.9.0".to_owned(), "1.85.0".to_owned());
    assert_kept(&house);
    house.rust_versions.insert("untrusted 0.9.0".to_owned(), "1.85.1".to_owned());
    let violation = assert_broken(&house, Rule::NewerDependency);
    assert_eq!(violation.place, "sealgram-x509 -> rustls-webpki -> untrusted");
}

/// A crate behind a feature may need a newer Rust, and what it pulls in no newer one than it says.
#[test]
fn dependency_behind_a_feature_is_held_to_the_promise_of_its_crate() {
    let tree = "0 sealgram v0.1.0 (/x)\n1 sealgram-mlkem v0.1.0 (/y)\n2 ml-kem v0.3.4\n";
    let mut house = house_with_tree(tree);
    house.rust_versions.insert("sealgram-mlkem 0.1.0".to_owned(), "1.87".to_owned());
    house.rust_versions.insert("ml-kem 0.3.4".to_owned(), "1.87".to_owned());
    assert_kept(&house);
    house.rust_versions.insert("ml-kem 0.3.4".to_owned(), "1.88".to_owned());
    let violation = assert_broken(&house, Rule::NewerDependency);
    assert_eq!(violation.place, "sealgram -> sealgram-mlkem -> ml-kem");

    let tree = "0 sealgram v0.1.0 (/x)\n1 sealgram-x509 v0.1.0 (/y)\n2 other v1.0.0\n";
    let mut house = house_with_tree(tree);
    house.rust_versions.insert("other 1.0.0".to_owned(), "1.87".to_owned());
    assert_broken(&house, Rule::NewerDependency);
}

#[test]
fn manifest_without_the_lints_of_the_workspace_is_refused() {
    for text in [
        "[package]\n",
        "[package]\nworkspace = true\n[lints]\n[features]\n",
        "[lints]\n[x]\nworkspace = true\n",
    ] {
        let house = house_with("sealgram-wire", |p| text.clone_into(&mut p.manifest_text));
        assert_broken(&house, Rule::Lints);
    }
}

fn house_with_root(name: &str, text: &str) -> Workspace {
    house_with(name, |p| {
        text.clone_into(&mut p.roots[0].source.text);
        text.clone_into(&mut p.sources[0].text);
    })
}

#[test]
fn core_crate_with_std_is_refused() {
    for text in [
        "#![forbid(unsafe_code)]\n",
        "#![forbid(unsafe_code)]\n// #![no_std]\n",
        "#![forbid(unsafe_code)]\n#![cfg_attr(not(feature = \"std\"), no_std)]\n",
        "#![forbid(unsafe_code)]\n#![no_std]\nextern crate std;\n",
        "#![forbid(unsafe_code)]\n#![no_std]\n#[cfg(not(test))]\nextern crate std;\n",
    ] {
        assert_broken(&house_with_root("sealgram-wire", text), Rule::NoStd);
    }
    for condition in ["cfg(test)", "cfg(feature = \"std\")"] {
        let text = format!("{CORE_ROOT}#[{condition}]\nextern crate std;\n");
        assert_kept(&house_with_root("sealgram-wire", &text));
    }
    let in_tests = format!("{CORE_ROOT}#[cfg(test)]\nmod tests {{\n  extern crate std;\n}}\n");
    assert_kept(&house_with_root("sealgram-wire", &in_tests));
    let behind_tests = format!("{in_tests}extern crate std;\n");
    assert_broken(&house_with_root("sealgram-wire", &behind_tests), Rule::NoStd);
}

#[test]
fn core_crate_that_links_std_in_a_module_is_refused() {
    let mut house = full_house();
    add_source(&mut house, "wipe.rs", "mod inner {\n    extern crate std;\n}\n");
    assert_broken(&house, Rule::NoStd);
    let mut house = full_house();
    add_source(&mut house, "wipe/tests.rs", "extern crate std;\n");
    assert_kept(&house);
}

#[test]
fn crate_that_does_not_forbid_unsafe_code_is_refused() {
    for text in [
        "#![no_std]\n",
        "#![deny(unsafe_code)]\n#![no_std]\n",
        "// #![forbid(unsafe_code)]\n#![no_std]\n",
        "#![cfg_attr(test, forbid(unsafe_code))]\n#![no_std]\n",
    ] {
        assert_broken(&house_with_root("sealgram-wire", text), Rule::Unsafe);
    }
    for name in ["sealgram-cli", "xtask"] {
        assert_broken(&house_with_root(name, "fn main() {}\n"), Rule::Unsafe);
    }
}

const DENY_ROOT: &str = "#![deny(unsafe_code)]\n#![no_std]\n";

#[test]
fn one_module_of_the_ring_provider_may_hold_unsafe_code() {
    let outer = format!("{DENY_ROOT}#[allow(unsafe_code, reason = \"wipes\")]\nmod wipe;\n");
    assert_kept(&house_with_root("sealgram-ring", &outer));
    assert_kept(&house_with_root("sealgram-ring", DENY_ROOT));
    let mut inner = house_with_root("sealgram-ring", DENY_ROOT);
    add_source(&mut inner, "wipe.rs", "#![expect(unsafe_code)]\n");
    assert_kept(&inner);
}

#[test]
fn second_module_with_unsafe_code_is_refused() {
    let root = format!("{DENY_ROOT}#[allow(unsafe_code)]\nmod wipe;\n");
    let mut house = house_with_root("sealgram-ring", &root);
    add_source(&mut house, "wipe.rs", "#![allow(unsafe_code)]\n");
    assert_broken(&house, Rule::Unsafe);
    let twice = format!("{root}#[allow(unsafe_code)]\nmod other;\n");
    assert_broken(&house_with_root("sealgram-ring", &twice), Rule::Unsafe);
}

#[test]
fn unsafe_code_allowed_on_less_or_more_than_a_module_is_refused() {
    for rest in [
        "#[allow(unsafe_code)]\nfn wipe() {}\n",
        "#![allow(unsafe_code)]\n",
        "#[cfg_attr(test, allow(unsafe_code))]\nfn wipe() {}\n",
    ] {
        let house = house_with_root("sealgram-ring", &format!("{DENY_ROOT}{rest}"));
        assert_broken(&house, Rule::Unsafe);
    }
}

#[test]
fn release_numbers_compare_by_value() {
    assert_eq!(release("1.85"), release("1.85.0"));
    assert!(release("1.9") < release("1.85"));
    assert!(release("1.85.1") > release("1.85"));
}

fn add_source(house: &mut Workspace, name: &str, text: &str) {
    let ring = house.packages.iter_mut().find(|p| p.name == "sealgram-ring").unwrap();
    let path = format!("crates/sealgram-ring/src/{name}");
    ring.sources.push(Source { path, text: text.to_owned() });
}
