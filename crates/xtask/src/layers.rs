//! The table of layers, and the rules that every crate of the workspace is held to.
//!
//! The tables below are the whole configuration. [`check`] judges manifests as declared, so
//! optional dependencies and those of other platforms count, and then the resolved tree of each
//! product crate, so what a dependency brings along counts too. The rules of [`may_point_at`]
//! hold whatever the table says: a sideways arrow cannot be allowed by adding it to a row.

use core::fmt;
use std::collections::BTreeSet;

use crate::graph::{Dependency, DependencyKind, Node, Package, Root, Source, Tree, Workspace};
use crate::source;

use Room::{Binary, Driver, Facade, Layer, Names, Provider, Tests, Traits};

/// Every crate of the workspace: its room, and the crates that its code may name.
const TABLE: &[Row] = &[
    Row::new("sealgram-iana", Names, &[]),
    Row::new("sealgram-crypto", Traits, &[]),
    Row::new("sealgram-wire", Traits, &[]),
    Row::new("sealgram-record", Layer, &["sealgram-wire", "sealgram-crypto"]),
    Row::new("sealgram-flight", Layer, &["sealgram-wire"]),
    Row::new("sealgram-handshake", Layer, &["sealgram-wire", "sealgram-crypto"]),
    Row::new("sealgram-cookie", Layer, &["sealgram-wire", "sealgram-crypto"]),
    Row::new("sealgram-x509", Layer, &["sealgram-crypto", "rustls-webpki"]),
    Row::new(
        "sealgram",
        Facade,
        &[
            "sealgram-cookie",
            "sealgram-crypto",
            "sealgram-flight",
            "sealgram-handshake",
            "sealgram-record",
            "sealgram-wire",
            "sealgram-x509",
        ],
    )
    .only_optional(&["sealgram-ring", "sealgram-mlkem", "tracing"]),
    Row::new("sealgram-udp", Driver, &["sealgram", "socket2", "quinn-udp"])
        .only_optional(&["tracing"]),
    Row::new(
        "sealgram-cli",
        Binary,
        &[
            "sealgram",
            "sealgram-ring",
            "sealgram-rustcrypto",
            "sealgram-udp",
            "clap",
            "rcgen",
            "serde_json",
        ],
    )
    // For rcgen, from 0.14.10 on.
    .rust("1.88"),
    // For sealgram-mlkem.
    Row::new("sealgram-bogo", Binary, &["sealgram", "sealgram-rustcrypto"]).private().rust("1.87"),
    Row::new("sealgram-ring", Provider, &["sealgram-crypto", "ring"]).one_unsafe_module(),
    Row::new(
        "sealgram-rustcrypto",
        Provider,
        &[
            "sealgram-crypto",
            "aes",
            "aes-gcm",
            "ccm",
            "chacha20",
            "chacha20poly1305",
            "der",
            "ed25519-dalek",
            "hmac",
            "p256",
            "p384",
            "rand_core",
            "rsa",
            "sec1",
            "sha2",
            "x25519-dalek",
        ],
    )
    .only_optional(&["getrandom"])
    // For ctutils and crypto-bigint.
    .rust("1.87"),
    Row::new("sealgram-mlkem", Provider, &["sealgram-crypto", "ml-kem"])
        // For ml-kem, from 0.3.4 on.
        .rust("1.87"),
    Row::new("nullcrypto", Provider, &["sealgram-crypto"]).private(),
    Row::new("xtask", Binary, &["serde_json"]).private(),
    Row::new("sealgram-testkit", Tests, &[]).private(),
    Row::new("sealgram-tests", Tests, &[]).private(),
    // For calls of BoringSSL that its crate has no name for.
    Row::new("sealgram-peers", Tests, &[]).private().one_unsafe_module(),
    // For the allocator that counts.
    Row::new("sealgram-benches", Tests, &[]).private().one_unsafe_module(),
];

/// What every crate may use besides its row. The first room, which stands on `core` alone, may
/// not.
const COMMON: &[&str] = &["sealgram-iana", "rustls-pki-types", "zeroize", "subtle"];

/// The only crates of ours that a provider may name.
const SEEN_BY_PROVIDERS: &[&str] = &["sealgram-crypto", "sealgram-iana"];

/// External crates with few doors: a crate of the product, and whatever it pulls in, may depend
/// on the first only if it is one of the second.
const DOORS: &[(&str, &[&str])] = &[
    ("ring", &["sealgram-ring", "rcgen"]),
    ("rsa", &["sealgram-rustcrypto"]),
    ("rustls-webpki", &["sealgram-x509"]),
    ("tokio", &["sealgram-tokio"]),
];

/// C implementations of TLS and the crates that link them, none of which may be in the tree of a
/// product crate. A trailing `*` stands for any ending.
const FOREIGN_TLS: &[&str] = &[
    "aws-lc*",
    "boring*",
    "gnutls*",
    "libressl*",
    "mbedtls*",
    "native-tls",
    "openssl*",
    "s2n-tls*",
    "wolfssl*",
];

/// Features of the facade that choose a provider. A driver leaves the choice to the application.
const PROVIDER_FEATURES: &[&str] = &["default", "ring", "post-quantum"];

/// Where a crate lives. An arrow points only to a lower level.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Room {
    /// Level 0.
    Names,
    /// Level 1.
    Traits,
    /// Level 2.
    Layer,
    /// Level 3.
    Facade,
    /// Level 4.
    Driver,
    /// Level 5.
    Binary,
    /// Beside the levels: stands on the traits, chosen by the application.
    Provider,
    /// Above all levels and never shipped: may use anything.
    Tests,
}

impl Room {
    /// `None` beside or above the levels.
    fn level(self) -> Option<u8> {
        match self {
            Names => Some(0),
            Traits => Some(1),
            Layer => Some(2),
            Facade => Some(3),
            Driver => Some(4),
            Binary => Some(5),
            Provider | Tests => None,
        }
    }

    /// Whether crates of this room do without `std`.
    fn is_no_std(self) -> bool {
        matches!(self, Names | Traits | Layer | Facade | Provider)
    }
}

/// What the table says about one crate.
struct Row {
    name: &'static str,
    room: Room,
    /// May be dependencies, in any form.
    uses: &'static [&'static str],
    /// May be dependencies behind a feature.
    only_optional: &'static [&'static str],
    /// Shipped to users; the others say `publish = false`.
    product: bool,
    /// The `rust-version` of the manifest.
    rust: &'static str,
    one_unsafe_module: bool,
}

impl Row {
    const fn new(name: &'static str, room: Room, uses: &'static [&'static str]) -> Self {
        Self {
            name,
            room,
            uses,
            only_optional: &[],
            product: true,
            rust: "1.85",
            one_unsafe_module: false,
        }
    }

    const fn only_optional(self, only_optional: &'static [&'static str]) -> Self {
        Self { only_optional, ..self }
    }

    const fn private(self) -> Self {
        Self { product: false, ..self }
    }

    const fn rust(self, rust: &'static str) -> Self {
        Self { rust, ..self }
    }

    const fn one_unsafe_module(self) -> Self {
        Self { one_unsafe_module: true, ..self }
    }
}

/// The rules, as tests name them.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Rule {
    UnknownCrate,
    StaleRow,
    Direction,
    NotInRow,
    MustBeOptional,
    ProviderChosen,
    Door,
    ForeignTls,
    TestCrateReached,
    Requirement,
    Publish,
    Manifest,
    Lints,
    RustVersion,
    NewerDependency,
    NoStd,
    Unsafe,
}

/// A broken rule: what, where, and what to do about it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Violation {
    pub(crate) rule: Rule,
    pub(crate) what: String,
    pub(crate) place: String,
    pub(crate) remedy: String,
}

impl fmt::Display for Violation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "layers: {}\n  where: {}\n  do:    {}", self.what, self.place, self.remedy)
    }
}

/// Where the table is, for the messages.
const HERE: &str = "crates/xtask/src/layers.rs";

/// Whether the table ships this crate.
pub(crate) fn is_product(name: &str) -> bool {
    row(name).is_some_and(|row| row.product)
}

/// All broken rules; none means that the workspace keeps them.
pub(crate) fn check(workspace: &Workspace) -> Vec<Violation> {
    let mut report = Report { violations: Vec::new() };
    for package in &workspace.packages {
        let Some(row) = row(&package.name) else {
            report.add(
                Rule::UnknownCrate,
                format!("the crate {} has no row in the table of layers", package.name),
                &package.manifest,
                format!("add a row to TABLE in {HERE}; ARCHITECTURE.md describes the rooms"),
            );
            continue;
        };
        report.dependencies(row, package);
        report.features(row, package);
        report.manifest(row, package);
        report.sources(row, package);
    }
    for row in TABLE {
        if !workspace.packages.iter().any(|package| package.name == row.name) {
            report.add(
                Rule::StaleRow,
                format!("the table has a row for {}, which is no crate of the workspace", row.name),
                HERE,
                "remove the row, or correct its name".to_owned(),
            );
        }
    }
    for tree in &workspace.trees {
        report.tree(tree, workspace);
    }
    report.violations
}

fn row(name: &str) -> Option<&'static Row> {
    TABLE.iter().find(|row| row.name == name)
}

fn is_foreign_tls(name: &str) -> bool {
    FOREIGN_TLS.iter().any(|pattern| match pattern.strip_suffix('*') {
        Some(start) => name.starts_with(start),
        None => name == *pattern,
    })
}

/// Whether an arrow between these crates of ours can be right at all; if not, why.
fn may_point_at(from: &Row, to: &Row) -> Result<(), &'static str> {
    if from.room == Tests {
        return Ok(());
    }
    if !to.product {
        return Err("only tests may use what is never shipped");
    }
    match (from.room, to.room) {
        (Provider, _) if SEEN_BY_PROVIDERS.contains(&to.name) => Ok(()),
        (Provider, _) => Err("a provider sees only the traits and the names"),
        (Facade | Binary, Provider) => Ok(()),
        (_, Provider) => Err("the application chooses a provider; no layer and no driver sees one"),
        _ if to.room.level() < from.room.level() => Ok(()),
        (Layer, Layer) => Err("layers have no sideways arrows; the facade alone connects them"),
        _ => Err("an arrow points only to a lower level"),
    }
}

struct Report {
    violations: Vec<Violation>,
}

impl Report {
    /// Says each thing once, however many trees show it.
    fn add(&mut self, rule: Rule, what: String, place: &str, remedy: String) {
        if !self.violations.iter().any(|old| old.rule == rule && old.what == what) {
            self.violations.push(Violation { rule, what, place: place.to_owned(), remedy });
        }
    }

    fn dependencies(&mut self, row: &Row, package: &Package) {
        for dependency in &package.dependencies {
            let place = place_of(package, dependency);
            let doors = DOORS.iter().find(|(name, _)| *name == dependency.name);
            let closed = |doors: &&[&str]| row.room != Tests && !doors.contains(&row.name);
            if let Some((name, doors)) = doors.filter(|(_, doors)| closed(doors)) {
                self.add(
                    Rule::Door,
                    format!("{} names {name}", row.name),
                    &place,
                    format!("go through {}; no other crate may name {name}", doors.join(" or ")),
                );
            }
            if dependency.kind != DependencyKind::Dev {
                self.shipped_dependency(row, dependency, doors.is_some(), &place);
            }
        }
    }

    /// `has_doors` says that another rule has judged it.
    fn shipped_dependency(
        &mut self,
        row: &Row,
        dependency: &Dependency,
        has_doors: bool,
        place: &str,
    ) {
        let name = dependency.name.as_str();
        let arrow = format!("{} depends on {name}", row.name);
        let target = self::row(name);
        if let Some(Err(reason)) = target.map(|target| may_point_at(row, target)) {
            let remedy = format!("remove it: {reason}");
            self.add(Rule::Direction, arrow, place, remedy);
            return;
        }
        if row.room == Tests {
            return;
        }
        let may = row.uses.contains(&name) || (row.room != Names && COMMON.contains(&name));
        if row.only_optional.contains(&name) {
            if !dependency.optional {
                let remedy = "say `optional = true` and put it behind a feature".to_owned();
                self.add(Rule::MustBeOptional, arrow.clone(), place, remedy);
            }
        } else if !may && !has_doors {
            let remedy = format!(
                "do without it, or add it to the row of {} in {HERE} with its reason in deny.toml",
                row.name
            );
            self.add(Rule::NotInRow, arrow.clone(), place, remedy);
        }
        if row.room == Driver && target.is_some_and(|target| target.room == Facade) {
            let chosen = PROVIDER_FEATURES.iter().find(|&&feature| {
                dependency.features.iter().any(|on| on == feature)
                    || (feature == "default" && dependency.default_features)
            });
            if let Some(feature) = chosen {
                self.add(
                    Rule::ProviderChosen,
                    format!("{arrow} with its feature {feature}"),
                    place,
                    "turn it off: a driver leaves the provider to the application".to_owned(),
                );
            }
        }
        if row.product && target.is_some() && !dependency.requirement.starts_with('=') {
            self.add(
                Rule::Requirement,
                format!("{arrow} by the requirement `{}`", dependency.requirement),
                place,
                "require the exact version: our crates change together".to_owned(),
            );
        }
    }

    /// A feature of a shipped crate can reach a development dependency as `name/feature`.
    fn features(&mut self, row: &Row, package: &Package) {
        if !row.product {
            return;
        }
        for (feature, turns_on) in &package.features {
            for item in turns_on {
                let item = item.strip_prefix("dep:").unwrap_or(item);
                let name = item.split(['/', '?']).next().unwrap_or(item);
                if self::row(name).is_some_and(|target| !target.product) {
                    self.add(
                        Rule::TestCrateReached,
                        format!("the feature {feature} of {} reaches {name}", row.name),
                        &package.manifest,
                        "remove it: no feature of a shipped crate may reach a test crate"
                            .to_owned(),
                    );
                }
            }
        }
    }

    fn manifest(&mut self, row: &Row, package: &Package) {
        let place = package.manifest.as_str();
        let present = |field: &Option<String>| field.as_ref().is_some_and(|text| !text.is_empty());
        for (key, field) in [("description", &package.description), ("license", &package.license)] {
            if !present(field) {
                self.add(
                    Rule::Manifest,
                    format!("{} has no {key}", row.name),
                    place,
                    format!("add `{key}` to [package]"),
                );
            }
        }
        if package.published != row.product {
            let remedy = if row.product {
                "remove `publish = false`: the table ships this crate"
            } else {
                "add `publish = false`: the table says that this crate is never shipped"
            };
            let published = if package.published { "published" } else { "not published" };
            let what = format!("{} is {published}", row.name);
            self.add(Rule::Publish, what, place, remedy.to_owned());
        }
        // What only tests build may follow the foreign peers that it talks to.
        let wanted = (row.room != Tests).then_some(row.rust);
        if wanted.is_some_and(|wanted| package.rust_version.as_deref() != Some(wanted)) {
            let found = package.rust_version.as_deref().unwrap_or("none");
            self.add(
                Rule::RustVersion,
                format!("the rust-version of {} is {found}, not {}", row.name, row.rust),
                place,
                format!("correct it, or change the row in {HERE} and the policy with it"),
            );
        }
        if !inherits_lints(&package.manifest_text) {
            self.add(
                Rule::Lints,
                format!("{} does not take the lints of the workspace", row.name),
                place,
                "add `[lints]` with `workspace = true`".to_owned(),
            );
        }
    }

    fn sources(&mut self, row: &Row, package: &Package) {
        for root in &package.roots {
            self.root(row, root);
        }
        if row.room.is_no_std() {
            for file in &package.sources {
                self.links_to_std(row, file);
            }
        }
        if row.one_unsafe_module {
            self.unsafe_modules(row, package);
        }
    }

    fn root(&mut self, row: &Row, root: &Root) {
        let code = source::code_only(&root.source.text);
        let attributes = source::crate_attributes(&code);
        let place = root.source.path.as_str();
        let sets = |level| attributes.iter().any(|a| a.sets(level, "unsafe_code"));
        let denied = row.one_unsafe_module && root.library && sets("deny");
        if !sets("forbid") && !denied {
            self.add(
                Rule::Unsafe,
                format!("{place} does not forbid unsafe code"),
                place,
                "add `#![forbid(unsafe_code)]` before the first item".to_owned(),
            );
        }
        if !(root.library && row.room.is_no_std()) {
            return;
        }
        if !attributes.iter().any(|attribute| attribute.text == "no_std") {
            self.add(
                Rule::NoStd,
                format!("{} is not `no_std`", row.name),
                place,
                "add `#![no_std]`, without a condition, before the first item".to_owned(),
            );
        }
    }

    /// Tests may link std, and so may a feature; nothing else in the crate.
    fn links_to_std(&mut self, row: &Row, file: &Source) {
        if file.path.split('/').any(|part| matches!(part, "tests" | "tests.rs")) {
            return;
        }
        let code = source::code_only(&file.text);
        if source::unconditional(&code).contains("extern crate std") {
            self.add(
                Rule::NoStd,
                format!("{} links std whatever its features", row.name),
                &file.path,
                "put `extern crate std` behind a feature or `cfg(test)`".to_owned(),
            );
        }
    }

    /// The one crate that may hold unsafe code holds it in one module.
    fn unsafe_modules(&mut self, row: &Row, package: &Package) {
        let mut modules = BTreeSet::new();
        for file in &package.sources {
            let code = source::code_only(&file.text);
            let is_root = package.roots.iter().any(|root| root.source.path == file.path);
            for attribute in source::attributes(&code) {
                let raises = attribute.sets("forbid", "unsafe_code")
                    || attribute.sets("deny", "unsafe_code");
                if raises || !attribute.text.contains("unsafe_code") {
                    continue;
                }
                let on_module = if attribute.inner {
                    !is_root
                } else {
                    source::declares_module(attribute.rest)
                };
                if !on_module {
                    self.add(
                        Rule::Unsafe,
                        format!("unsafe code is allowed in {} outside a module's head", file.path),
                        &file.path,
                        "allow it on the one module that holds the unsafe code".to_owned(),
                    );
                }
                modules.insert((file.path.clone(), code.len() - attribute.rest.len()));
            }
        }
        if modules.len() > 1 {
            let places: Vec<&str> = modules.iter().map(|(path, _)| path.as_str()).collect();
            self.add(
                Rule::Unsafe,
                format!("{} allows unsafe code in {} places", row.name, modules.len()),
                &places.join(", "),
                "keep all unsafe code in one module".to_owned(),
            );
        }
    }

    fn tree(&mut self, tree: &Tree, workspace: &Workspace) {
        for path in &tree.paths {
            let Some(node) = path.last() else { continue };
            let place = join(path);
            if is_foreign_tls(&node.name) {
                self.add(
                    Rule::ForeignTls,
                    format!(
                        "{} pulls in {}, which belongs to a C TLS library",
                        tree.root, node.name
                    ),
                    &place,
                    "turn off the feature that brings it, or drop the dependency".to_owned(),
                );
            }
            if path.len() > 1 && row(&node.name).is_some_and(|target| !target.product) {
                self.add(
                    Rule::TestCrateReached,
                    format!("{} pulls in {}, which is never shipped", tree.root, node.name),
                    &place,
                    "make it a development dependency".to_owned(),
                );
            }
            self.doors(path, &place);
            self.newer_dependency(path, &place, workspace);
        }
    }

    fn doors(&mut self, path: &[Node], place: &str) {
        let [.., parent, node] = path else { return };
        let Some((name, doors)) = DOORS.iter().find(|(name, _)| *name == node.name) else {
            return;
        };
        if !doors.contains(&parent.name.as_str()) {
            self.add(
                Rule::Door,
                format!("{} reaches {name}", parent.name),
                place,
                format!("turn off the feature that does: only {} may", doors.join(" or ")),
            );
        }
    }

    /// What comes with one of our crates behind a feature is held to that crate's promise: whoever
    /// turns the feature on takes both.
    fn newer_dependency(&mut self, path: &[Node], place: &str, workspace: &Workspace) {
        let [root, below @ ..] = path else { return };
        let Some(row) = row(&root.name) else { return };
        let by_feature = below
            .first()
            .and_then(|node| self::row(&node.name))
            .filter(|first| row.only_optional.contains(&first.name));
        let Some(node) = path.last() else { return };
        let id = format!("{} {}", node.name, node.version);
        let Some(needed) = workspace.rust_versions.get(&id) else { return };
        let promised = by_feature.map(|first| release(first.rust)).max(Some(release(row.rust)));
        if Some(release(needed)) > promised {
            self.add(
                Rule::NewerDependency,
                format!("{} promises Rust {}, but {id} needs {needed}", row.name, row.rust),
                place,
                format!(
                    "take an older {} (`cargo update --precise`), or raise the rust-version of {} \
                     and its row in {HERE}",
                    node.name, row.name
                ),
            );
        }
    }
}

/// `1.85` and `1.85.0` as the same numbers.
fn release(version: &str) -> [u32; 3] {
    let mut numbers = version.split('.').map(|part| part.parse().unwrap_or(0));
    core::array::from_fn(|_| numbers.next().unwrap_or(0))
}

/// `cargo metadata` does not tell, so the text must.
fn inherits_lints(manifest: &str) -> bool {
    let mut lines = manifest.lines().map(str::trim).skip_while(|line| *line != "[lints]").skip(1);
    lines.by_ref().take_while(|line| !line.starts_with('[')).any(|line| line == "workspace = true")
}

fn place_of(package: &Package, dependency: &Dependency) -> String {
    let section = match dependency.kind {
        DependencyKind::Normal => "dependencies",
        DependencyKind::Build => "build-dependencies",
        DependencyKind::Dev => "dev-dependencies",
    };
    format!("{} [{section}]", package.manifest)
}

fn join(path: &[Node]) -> String {
    path.iter().map(|node| node.name.as_str()).collect::<Vec<_>>().join(" -> ")
}

#[cfg(test)]
mod tests;
