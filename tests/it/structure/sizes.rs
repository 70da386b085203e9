//! Sizes of files and functions, without their unit tests.

use proc_macro2::Span;
use syn::{
    ImplItemFn, ItemFn, ItemMod,
    spanned::Spanned,
    visit::{self, Visit},
};

use super::{Source, sources};

const LONGEST_FILE: usize = 330;
const MEDIAN_FILE: usize = 100;
const P90_FILE: usize = 210;
const LONGEST_FUNCTION: usize = 55;
const P90_FUNCTION: usize = 19;

#[test]
fn files_stay_small() {
    let lines = |source: &Source| (source.product().lines().count(), source.path.clone());
    let sizes = sources().iter().map(lines).filter(|(lines, _)| *lines > 0).collect();
    are_within(sizes, LONGEST_FILE, P90_FILE, Some(MEDIAN_FILE));
}

#[test]
fn functions_stay_small() {
    let mut functions = Functions::default();
    for source in sources().iter().filter(|source| !source.product().is_empty()) {
        functions.file.clone_from(&source.path);
        functions.visit_file(&syn::parse_file(source.product()).unwrap());
    }
    assert!(functions.sizes.len() > 2000, "{} functions are found", functions.sizes.len());
    are_within(functions.sizes, LONGEST_FUNCTION, P90_FUNCTION, None);
}

fn are_within(mut sizes: Vec<(usize, String)>, longest: usize, p90: usize, median: Option<usize>) {
    sizes.sort();
    let too_long: Vec<_> = sizes.iter().filter(|(lines, _)| *lines > longest).collect();
    assert!(too_long.is_empty(), "over {longest} lines: {too_long:#?}");
    let at_90 = sizes[sizes.len() * 9 / 10].0;
    assert!(at_90 <= p90, "a tenth is longer than {p90} lines: the 90th percentile is {at_90}");
    let middle = sizes[sizes.len() / 2].0;
    assert!(median.is_none_or(|median| middle <= median), "the median is {middle}");
}

#[derive(Default)]
struct Functions {
    file: String,
    sizes: Vec<(usize, String)>,
}

impl Functions {
    fn add(&mut self, name: &syn::Ident, whole: Span) {
        let lines = whole.end().line - name.span().start().line + 1;
        self.sizes.push((lines, format!("{} of {}", name, self.file)));
    }
}

impl<'ast> Visit<'ast> for Functions {
    fn visit_item_mod(&mut self, module: &'ast ItemMod) {
        if !module.attrs.iter().any(|attribute| attribute.path().is_ident("cfg")) {
            visit::visit_item_mod(self, module);
        }
    }

    fn visit_item_fn(&mut self, function: &'ast ItemFn) {
        self.add(&function.sig.ident, function.span());
        visit::visit_item_fn(self, function);
    }

    fn visit_impl_item_fn(&mut self, function: &'ast ImplItemFn) {
        self.add(&function.sig.ident, function.span());
        visit::visit_impl_item_fn(self, function);
    }
}
