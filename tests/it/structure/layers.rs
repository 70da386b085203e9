//! Layers: a module imports only from lower floors and from its own, the faces never from the means of the operations,
//! and files of different folders import each other in no circle.

use std::collections::{BTreeMap, BTreeSet};

use syn::{
    Attribute, ItemMod, ItemUse, UseTree, Visibility,
    visit::{self, Visit},
};

use super::{Source, sources};

/// What may stand directly in `src/`, and its floor.
const FLOORS: [(&str, u8); 22] = [
    ("main", 6),
    ("cli", 5),
    ("http", 5),
    ("eval", 4),
    ("app", 3),
    ("limits", 2),
    ("store", 1),
    ("live", 1),
    ("provider", 1),
    ("tools", 1),
    ("auth", 1),
    ("transport", 1),
    ("model", 0),
    ("event", 0),
    ("clock", 0),
    ("config", 0),
    ("metrics", 0),
    ("logging", 0),
    ("redis", 0),
    ("terminal", 0),
    ("suggestions", 0),
    ("private_file", 0),
];

/// The faces of the program call operations, never the means of these.
const FACES: [&str; 2] = ["cli", "http"];
const MEANS: [&str; 6] = ["store", "limits", "live", "provider", "tools", "auth"];

/// A path by its segments, from the crate's root.
type Module = Vec<String>;

/// Every module with the modules that its product code names, and what it re-exports.
struct Imports {
    modules: BTreeMap<Module, Names>,
}

#[derive(Default)]
struct Names {
    /// As written, from this module.
    paths: Vec<Module>,
    /// Name → what it stands for, as written.
    exports: BTreeMap<String, Module>,
}

impl Imports {
    fn read() -> Self {
        let module = |source: &Source| {
            let mut names = Names::default();
            names.visit_file(
                &syn::parse_file(source.product()).unwrap_or_else(|error| panic!("{}: {error}", source.path)),
            );
            (module_of(&source.path), names)
        };
        Self { modules: sources().iter().filter(|source| !source.product().is_empty()).map(module).collect() }
    }

    /// The absolute path of one that is written in a module; `None` for other crates.
    fn absolute(&self, from: &Module, path: &[String]) -> Option<Module> {
        let supers = path.iter().take_while(|segment| *segment == "super").count();
        match path.first()?.as_str() {
            "crate" => Some(path[1..].to_vec()),
            "self" => Some([from.as_slice(), &path[1..]].concat()),
            "super" => Some([&from[..from.len().checked_sub(supers)?], &path[supers..]].concat()),
            _ => Some([from.as_slice(), path].concat())
                .filter(|child| self.modules.contains_key(&child[..from.len() + 1])),
        }
    }

    /// The module that a path's item is defined in, through re-exports.
    fn home(&self, path: &[String], hops: u8) -> Option<Module> {
        let length = (0..=path.len()).rev().find(|&length| self.modules.contains_key(&path[..length]))?;
        let (module, rest) = (path[..length].to_vec(), &path[length..]);
        let exported = rest.first().and_then(|name| self.modules[&module].exports.get(name));
        match exported.and_then(|target| self.absolute(&module, target)) {
            Some(target) if hops > 0 => self.home(&[target.as_slice(), &rest[1..]].concat(), hops - 1),
            _ => Some(module),
        }
    }

    /// Without imports between a folder's module and what is below it, which the language asks for.
    fn edges(&self) -> BTreeMap<&Module, BTreeSet<Module>> {
        let edges = |(module, names): (&'_ Module, &Names)| -> BTreeSet<Module> {
            let homes = names.paths.iter().filter_map(|path| self.home(&self.absolute(module, path)?, 6));
            homes.filter(|other| !module.starts_with(other) && !other.starts_with(module)).collect()
        };
        self.modules.iter().map(|entry| (entry.0, edges(entry))).collect()
    }
}

impl<'ast> Visit<'ast> for Names {
    fn visit_item_mod(&mut self, module: &'ast ItemMod) {
        if !is_only_tests(&module.attrs) {
            visit::visit_item_mod(self, module);
        }
    }

    fn visit_item_use(&mut self, item: &'ast ItemUse) {
        if is_only_tests(&item.attrs) {
            return;
        }
        for (path, name) in leaves(&item.tree) {
            if matches!(item.vis, Visibility::Inherited) {
                self.paths.push(path);
            } else {
                self.exports.insert(name, path);
            }
        }
    }

    fn visit_path(&mut self, path: &'ast syn::Path) {
        let segments: Module = path.segments.iter().map(|segment| segment.ident.to_string()).collect();
        if segments.len() > 1 {
            self.paths.push(segments);
        }
        visit::visit_path(self, path);
    }
}

fn is_only_tests(attributes: &[Attribute]) -> bool {
    attributes.iter().any(|attribute| {
        attribute.path().is_ident("cfg") && attribute.parse_args::<syn::Path>().is_ok_and(|path| path.is_ident("test"))
    })
}

/// The paths of a `use`, each with the name that it brings into scope.
fn leaves(tree: &UseTree) -> Vec<(Module, String)> {
    let below = |name: &syn::Ident, tree: &UseTree| {
        let prefixed = |(path, known): (Module, String)| {
            let own = if known == "self" { name.to_string() } else { known };
            ([vec![name.to_string()], path].concat(), own)
        };
        leaves(tree).into_iter().map(prefixed).collect()
    };
    match tree {
        UseTree::Path(path) => below(&path.ident, &path.tree),
        UseTree::Name(name) if name.ident == "self" => vec![(Vec::new(), "self".into())],
        UseTree::Name(name) => vec![(vec![name.ident.to_string()], name.ident.to_string())],
        UseTree::Rename(rename) => vec![(vec![rename.ident.to_string()], rename.rename.to_string())],
        UseTree::Glob(_) => vec![(Vec::new(), "*".into())],
        UseTree::Group(group) => group.items.iter().flat_map(leaves).collect(),
    }
}

/// `src/app/turn/mod.rs` → `app`, `turn`.
fn module_of(path: &str) -> Module {
    let path = path.trim_start_matches("src/").trim_end_matches(".rs");
    let path = path.trim_end_matches("/mod").trim_end_matches("main");
    path.split('/').filter(|segment| !segment.is_empty()).map(str::to_owned).collect()
}

fn folder(module: &Module, imports: &Imports) -> Module {
    let is_folder = imports.modules.keys().any(|other| other.len() == module.len() + 1 && other.starts_with(module));
    if is_folder { module.clone() } else { module[..module.len().saturating_sub(1)].to_vec() }
}

fn floor(room: &str) -> Option<u8> {
    FLOORS.iter().find(|(name, _)| *name == room).map(|(_, floor)| *floor)
}

#[test]
fn a_module_imports_only_from_lower_floors() {
    let imports = Imports::read();
    let mut wrong = Vec::new();
    for (module, names) in &imports.modules {
        let Some(room) = module.first() else { continue };
        let all = names.paths.iter().chain(names.exports.values());
        for other in all.filter_map(|path| imports.absolute(module, path)?.first().cloned()) {
            let (Some(own), Some(below)) = (floor(room), floor(&other)) else { continue };
            let is_lower = other == *room || below < own || (own, below) == (0, 0);
            let is_allowed = !(FACES.contains(&room.as_str()) && MEANS.contains(&other.as_str()));
            if !is_lower || !is_allowed {
                wrong.push(format!("{} ({own}) uses `{other}` ({below})", module.join("::")));
            }
        }
    }
    assert!(imports.modules.len() > 300 && wrong.is_empty(), "{}", wrong.join("\n"));
}

#[test]
fn the_top_level_holds_only_modules_of_the_map() {
    let is_strange = |source: &&Source| floor(&source.room).is_none();
    let strange: Vec<String> = sources().iter().filter(is_strange).map(|source| source.path.clone()).collect();
    assert!(strange.is_empty(), "not in the map of src/main.rs: {strange:?}");
    let map = sources().iter().find(|source| source.path == "src/main.rs").unwrap().text.clone();
    let unnamed = FLOORS.iter().filter(|(name, _)| *name != "tools" && !map.contains(&format!("`{name}`")));
    assert_eq!(unnamed.collect::<Vec<_>>(), [] as [&(&str, u8); 0], "missing in the map of src/main.rs");
}

#[test]
fn no_circle_goes_through_two_folders() {
    let imports = Imports::read();
    let edges = imports.edges();
    let reaches = |from: &Module, to: &Module| {
        let (mut seen, mut next) = (BTreeSet::new(), vec![from]);
        while let Some(module) = next.pop() {
            if module == to {
                return true;
            }
            next.extend(edges[module].iter().filter(|other| seen.insert((*other).clone())));
        }
        false
    };
    let mut circles = Vec::new();
    for (module, others) in &edges {
        for other in others.iter().filter(|other| folder(module, &imports) != folder(other, &imports)) {
            if reaches(other, module) {
                circles.push(format!("{} → {} → …", module.join("::"), other.join("::")));
            }
        }
    }
    assert!(circles.is_empty(), "{}", circles.join("\n"));
}

#[test]
fn imports_are_found_however_they_are_written() {
    let mut names = Names::default();
    let code = "use crate::{clock, model::{Turn, User}, store::{self, Db as D}}; pub use self::a::B; use super::c::*;\n\
                fn f() { crate::app::run(); } #[cfg(test)] mod tests { use crate::http; }";
    names.visit_file(&syn::parse_file(code).unwrap());
    let paths: Vec<String> = names.paths.iter().map(|path| path.join("::")).collect();
    let expected = ["crate::clock", "crate::model::Turn", "crate::model::User", "crate::store", "crate::store::Db"];
    assert_eq!(paths, [expected.as_slice(), &["super::c", "crate::app::run"]].concat());
    assert_eq!(names.exports["B"].join("::"), "self::a::B");
}
