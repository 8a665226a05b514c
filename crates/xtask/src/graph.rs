//! What cargo says about the workspace, reduced to what the rules ask.
//!
//! Everything is read up front, so that the rules are pure functions over [`Workspace`] and tests
//! can hand them an invented one.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use serde_json::Value;

/// The workspace and the dependency trees of its product crates.
pub(crate) struct Workspace {
    pub(crate) packages: Vec<Package>,
    /// One tree for each product crate, resolved for that crate alone.
    pub(crate) trees: Vec<Tree>,
    /// The `rust-version` that a package (`name version`) declares, if it declares one.
    pub(crate) rust_versions: BTreeMap<String, String>,
}

/// A member of the workspace.
#[derive(Clone)]
pub(crate) struct Package {
    pub(crate) name: String,
    pub(crate) description: Option<String>,
    pub(crate) license: Option<String>,
    pub(crate) rust_version: Option<String>,
    /// False for `publish = false`.
    pub(crate) published: bool,
    /// Relative to the workspace root.
    pub(crate) manifest: String,
    /// The manifest's text, for what `cargo metadata` leaves out.
    pub(crate) manifest_text: String,
    pub(crate) dependencies: Vec<Dependency>,
    /// Each feature and what it turns on.
    pub(crate) features: Vec<(String, Vec<String>)>,
    /// Roots of the library, the binaries and the examples.
    pub(crate) roots: Vec<Root>,
    /// Every Rust file below `src/`.
    pub(crate) sources: Vec<Source>,
}

/// A dependency as a manifest declares it, whatever features are on.
#[derive(Clone)]
pub(crate) struct Dependency {
    /// The package's name, whatever the manifest calls it.
    pub(crate) name: String,
    pub(crate) kind: DependencyKind,
    pub(crate) optional: bool,
    pub(crate) default_features: bool,
    pub(crate) features: Vec<String>,
    /// The version requirement, such as `=0.1.0`.
    pub(crate) requirement: String,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum DependencyKind {
    Normal,
    Build,
    Dev,
}

/// The file in which a target begins.
#[derive(Clone)]
pub(crate) struct Root {
    pub(crate) library: bool,
    pub(crate) source: Source,
}

#[derive(Clone)]
pub(crate) struct Source {
    /// Relative to the workspace root.
    pub(crate) path: String,
    pub(crate) text: String,
}

/// Everything that a build of one crate with all its features pulls in, on any platform:
/// normal and build dependencies, no development ones.
#[derive(Clone)]
pub(crate) struct Tree {
    /// The crate whose tree this is.
    pub(crate) root: String,
    /// One entry for each place in the tree, top down: the nodes from the root to it.
    pub(crate) paths: Vec<Vec<Node>>,
}

#[derive(Clone, PartialEq, Eq)]
pub(crate) struct Node {
    pub(crate) name: String,
    pub(crate) version: String,
}

impl Workspace {
    /// Asks cargo. `is_product` names the crates whose trees are wanted.
    pub(crate) fn load(is_product: fn(&str) -> bool) -> Result<Self, String> {
        let metadata = metadata(&["--all-features"])?;
        let root = root_of(&metadata)?;
        let (packages, rust_versions) = read_metadata(&metadata, &root)?;
        let trees = packages
            .iter()
            .filter(|package| is_product(&package.name))
            .map(|package| Tree::load(&package.name))
            .collect::<Result<_, _>>()?;
        Ok(Self { packages, trees, rust_versions })
    }
}

/// The folder of the workspace's `Cargo.toml`.
pub(crate) fn workspace_root() -> Result<PathBuf, String> {
    root_of(&metadata(&["--no-deps"])?)
}

fn metadata(arguments: &[&str]) -> Result<Value, String> {
    let mut all = vec!["metadata", "--format-version", "1", "--locked"];
    all.extend(arguments);
    let text = cargo(&all)?;
    serde_json::from_str(&text).map_err(|error| format!("cargo metadata: {error}"))
}

fn root_of(metadata: &Value) -> Result<PathBuf, String> {
    Ok(PathBuf::from(text(metadata, "workspace_root")?))
}

/// The standard output of cargo; an error holds what it said on standard error.
fn cargo(arguments: &[&str]) -> Result<String, String> {
    let program = std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into());
    let output = Command::new(program)
        .args(arguments)
        .output()
        .map_err(|error| format!("cargo does not start: {error}"))?;
    if !output.status.success() {
        let said = String::from_utf8_lossy(&output.stderr);
        return Err(format!("`cargo {}` failed:\n{said}", arguments.join(" ")));
    }
    String::from_utf8(output.stdout).map_err(|error| format!("cargo's output: {error}"))
}

type Members = (Vec<Package>, BTreeMap<String, String>);

fn read_metadata(metadata: &Value, root: &Path) -> Result<Members, String> {
    let members: Vec<&str> =
        list(metadata, "workspace_members").iter().filter_map(Value::as_str).collect();
    let mut packages = Vec::new();
    let mut rust_versions = BTreeMap::new();
    for package in list(metadata, "packages") {
        if let Some(version) = optional(package, "rust_version") {
            let id = format!("{} {}", text(package, "name")?, text(package, "version")?);
            rust_versions.insert(id, version);
        }
        if members.contains(&text(package, "id")?) {
            packages.push(Package::read(package, root)?);
        }
    }
    Ok((packages, rust_versions))
}

impl Package {
    fn read(json: &Value, workspace: &Path) -> Result<Self, String> {
        let manifest = Path::new(text(json, "manifest_path")?);
        let folder = manifest.parent().ok_or("a manifest without a folder")?;
        let mut roots = Vec::new();
        for target in list(json, "targets") {
            let kinds = list(target, "kind");
            let is = |wanted: &str| kinds.iter().any(|kind| kind == wanted);
            let library = is("lib") || is("proc-macro");
            if library || is("bin") || is("example") {
                let source = Source::read(Path::new(text(target, "src_path")?), workspace)?;
                roots.push(Root { library, source });
            }
        }
        let mut sources = Vec::new();
        for path in rust_files_below(&folder.join("src"))? {
            sources.push(Source::read(&path, workspace)?);
        }
        Ok(Self {
            name: text(json, "name")?.to_owned(),
            description: optional(json, "description"),
            license: optional(json, "license"),
            rust_version: optional(json, "rust_version"),
            // `null` is any registry; `[]` is `publish = false`.
            published: json
                .get("publish")
                .and_then(Value::as_array)
                .is_none_or(|to| !to.is_empty()),
            manifest: relative(manifest, workspace),
            manifest_text: read(manifest)?,
            dependencies: list(json, "dependencies")
                .iter()
                .map(Dependency::read)
                .collect::<Result<_, _>>()?,
            features: read_features(json),
            roots,
            sources,
        })
    }
}

fn read_features(json: &Value) -> Vec<(String, Vec<String>)> {
    let Some(features) = json.get("features").and_then(Value::as_object) else {
        return Vec::new();
    };
    features.iter().map(|(name, turns_on)| (name.clone(), strings(turns_on))).collect()
}

impl Dependency {
    fn read(json: &Value) -> Result<Self, String> {
        let flag = |key: &str| json.get(key).and_then(Value::as_bool).unwrap_or(false);
        Ok(Self {
            name: text(json, "name")?.to_owned(),
            kind: match json.get("kind").and_then(Value::as_str) {
                None => DependencyKind::Normal,
                Some("build") => DependencyKind::Build,
                Some("dev") => DependencyKind::Dev,
                Some(other) => return Err(format!("unknown kind of dependency: {other}")),
            },
            optional: flag("optional"),
            default_features: flag("uses_default_features"),
            features: json.get("features").map(strings).unwrap_or_default(),
            requirement: text(json, "req")?.to_owned(),
        })
    }
}

impl Source {
    fn read(path: &Path, workspace: &Path) -> Result<Self, String> {
        Ok(Self { path: relative(path, workspace), text: read(path)? })
    }
}

impl Tree {
    fn load(package: &str) -> Result<Self, String> {
        let text = cargo(&[
            "tree",
            "--locked",
            "--package",
            package,
            "--edges",
            "normal,build",
            "--all-features",
            "--target",
            "all",
            "--prefix",
            "depth",
            "--format",
            " {p}",
        ])?;
        Self::parse(&text)
    }

    /// Reads `cargo tree --prefix depth --format ' {p}'`: lines such as `2 ring v0.17.14 (*)`,
    /// each below the nearest earlier line of a smaller depth. `(*)` marks a node whose own
    /// dependencies were listed before.
    pub(crate) fn parse(text: &str) -> Result<Self, String> {
        let mut paths = Vec::new();
        let mut current: Vec<Node> = Vec::new();
        for line in text.lines().filter(|line| !line.is_empty()) {
            let mut words = line.split(' ');
            let depth = words.next().and_then(|word| word.parse::<usize>().ok());
            let (Some(depth), Some(name), Some(version)) = (depth, words.next(), words.next())
            else {
                return Err(format!("cargo tree: not understood: {line}"));
            };
            if depth > current.len() {
                return Err(format!("cargo tree: a level is missing above: {line}"));
            }
            current.truncate(depth);
            let version = version.trim_start_matches('v').to_owned();
            current.push(Node { name: name.to_owned(), version });
            paths.push(current.clone());
        }
        let root = paths.first().and_then(|path| path.first()).ok_or("cargo tree: empty")?;
        Ok(Self { root: root.name.clone(), paths })
    }
}

/// Every `.rs` file below `folder`, in a fixed order; none if there is no such folder.
pub(crate) fn rust_files_below(folder: &Path) -> Result<Vec<PathBuf>, String> {
    let mut files = Vec::new();
    let mut folders = vec![folder.to_path_buf()];
    while let Some(folder) = folders.pop() {
        if !folder.is_dir() {
            continue;
        }
        let failed = |error| format!("{}: {error}", folder.display());
        for entry in fs::read_dir(&folder).map_err(failed)? {
            let path = entry.map_err(failed)?.path();
            if path.is_dir() {
                if path.file_name().is_none_or(|name| name != "target") {
                    folders.push(path);
                }
            } else if path.extension().is_some_and(|extension| extension == "rs") {
                files.push(path);
            }
        }
    }
    files.sort();
    Ok(files)
}

pub(crate) fn read(path: &Path) -> Result<String, String> {
    fs::read_to_string(path).map_err(|error| format!("{}: {error}", path.display()))
}

pub(crate) fn relative(path: &Path, workspace: &Path) -> String {
    path.strip_prefix(workspace).unwrap_or(path).display().to_string()
}

fn text<'a>(json: &'a Value, key: &str) -> Result<&'a str, String> {
    json.get(key).and_then(Value::as_str).ok_or_else(|| format!("cargo metadata: no `{key}`"))
}

fn optional(json: &Value, key: &str) -> Option<String> {
    json.get(key).and_then(Value::as_str).map(str::to_owned)
}

fn list<'a>(json: &'a Value, key: &str) -> &'a [Value] {
    json.get(key).and_then(Value::as_array).map_or(&[], Vec::as_slice)
}

fn strings(json: &Value) -> Vec<String> {
    let items = json.as_array().map_or(&[][..], Vec::as_slice);
    items.iter().filter_map(Value::as_str).map(str::to_owned).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tree_with_repeated_node_keeps_every_edge() {
        let tree = Tree::parse(
            "0 top v0.1.0 (crates/top)\n1 left v1.0.0\n2 leaf v2.0.0\n1 right v1.0.0\n\
             2 leaf v2.0.0 (*)\n",
        )
        .unwrap();
        let paths: Vec<String> = tree
            .paths
            .iter()
            .map(|path| path.iter().map(|n| n.name.as_str()).collect::<Vec<_>>().join(">"))
            .collect();
        assert_eq!(tree.root, "top");
        assert_eq!(paths, ["top", "top>left", "top>left>leaf", "top>right", "top>right>leaf"]);
        assert_eq!(tree.paths[2][2].version, "2.0.0");
    }

    #[test]
    fn tree_that_skips_a_level_is_refused() {
        assert!(Tree::parse("0 top v0.1.0\n2 leaf v2.0.0\n").is_err());
    }

    #[test]
    fn tree_with_an_unknown_line_is_refused() {
        assert!(Tree::parse("0 top v0.1.0\n[build-dependencies]\n").is_err());
        assert!(Tree::parse("").is_err());
    }

    #[test]
    fn dependency_renamed_optional_is_read_by_its_package_name() {
        let json: Value = serde_json::from_str(
            r#"{ "name": "rustls-pki-types", "req": "^1.12", "kind": null,
                 "rename": "pki-types", "optional": true, "uses_default_features": false,
                 "features": ["alloc"], "target": null }"#,
        )
        .unwrap();
        let read = Dependency::read(&json).unwrap();
        assert_eq!(read.name, "rustls-pki-types");
        assert_eq!(read.kind, DependencyKind::Normal);
        assert!(read.optional);
        assert!(!read.default_features);
        assert_eq!(read.features, ["alloc"]);
        assert_eq!(read.requirement, "^1.12");
    }

    #[test]
    fn dependency_of_an_unknown_kind_is_an_error() {
        let json: Value =
            serde_json::from_str(r#"{ "name": "a", "req": "1", "kind": "artifact" }"#).unwrap();
        assert!(Dependency::read(&json).is_err());
    }

    #[test]
    fn this_workspace_is_read_with_its_publish_flags() {
        let metadata = metadata(&["--no-deps"]).unwrap();
        let root = root_of(&metadata).unwrap();
        let (packages, _) = read_metadata(&metadata, &root).unwrap();
        let find = |name: &str| packages.iter().find(|package| package.name == name).unwrap();
        assert!(!find("xtask").published);
        assert_eq!(find("xtask").manifest, "crates/xtask/Cargo.toml");
        assert!(find("xtask").dependencies.iter().any(|dep| dep.name == "serde_json"));
        assert!(find("sealgram").published);
        assert!(find("sealgram").roots.iter().any(|root| root.library));
    }
}
