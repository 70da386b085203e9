//! Arguments that are one word of a closed set: the help lists the words, and completion offers them and no others.

use clap::builder::{PossibleValuesParser, TypedValueParser};

/// A value parser of these words.
pub(super) fn words<W>(all: &'static [W], word: fn(W) -> &'static str) -> impl TypedValueParser<Value = W>
where
    W: Copy + Send + Sync + 'static,
{
    let words = PossibleValuesParser::new(all.iter().map(|one| word(*one)));
    words.map(move |given| {
        all.iter().copied().find(|one| word(*one) == given).expect("it is one of the possible values")
    })
}
