//! Table layout for the width of the terminal. A cell that is too wide is wrapped between its words, and a word that is
//! too wide is cut and ends in `…`; the headings stay whole, and so does the first column, which users type again.
//! Without a terminal nothing is too wide.

use tabled::{
    builder::Builder,
    grid::util::string::get_string_width as width,
    settings::{Padding, Style},
};

/// Spaces between columns.
const GAP: usize = 2;
/// Maximum lines of a cell; the other formats have it whole.
const MAX_LINES: usize = 4;
/// Width to which columns shrink first: most words and a date fit.
const READABLE: usize = 10;
const CUT: char = '…';

/// The lines of a table, the headings first. `room`: the columns of the terminal, if there is one.
pub(super) fn lines(headings: &[&str], rows: &[Vec<String>], room: Option<usize>) -> Vec<String> {
    let mut builder = Builder::default();
    builder.push_record(headings.iter().copied());
    let widths = room.map(|room| shares(headings, rows, room.saturating_sub(GAP * (headings.len().max(1) - 1))));
    for row in rows {
        match &widths {
            Some(widths) => builder.push_record(row.iter().zip(widths).map(|(cell, width)| fitted(cell, *width))),
            None => builder.push_record(row.iter().map(String::as_str)),
        }
    }
    let mut table = builder.build();
    table.with(Style::empty()).with(Padding::new(0, GAP, 0, 0));
    table.to_string().lines().map(|line| line.trim_end().to_owned()).collect()
}

/// Computes the width of each column. Wrapping between words often leaves some of a share unused; then the columns in
/// which words are cut get it.
fn shares(headings: &[&str], rows: &[Vec<String>], room: usize) -> Vec<usize> {
    let column = |index: usize| rows.iter().map(move |row| row[index].as_str());
    let widest = |index: usize, share: usize| {
        let lines = column(index).map(|cell| fitted(cell, share).lines().map(width).max().unwrap_or(0));
        lines.max().unwrap_or(0).max(width(headings[index]))
    };
    let is_cut = |index: usize, share: usize| column(index).any(|cell| fitted(cell, share).contains(CUT));
    let whole: Vec<usize> = (0..headings.len()).map(|index| widest(index, usize::MAX)).collect();
    let first = shrunk(&whole, headings, room);
    let wanted = |(index, share): (usize, &usize)| {
        if is_cut(index, *share) { whole[index] } else { widest(index, *share) }
    };
    let wanted: Vec<usize> = first.iter().enumerate().map(wanted).collect();
    shrunk(&wanted, headings, room)
}

/// Shrinks the widest columns until all fit; where that is not enough, the last ones, which matter least. The headings
/// stay whole, and so does the first column.
fn shrunk(wanted: &[usize], headings: &[&str], room: usize) -> Vec<usize> {
    let mut widths = wanted.to_vec();
    let heading = |index: usize| width(headings[index]);
    while widths.iter().sum::<usize>() > room {
        let columns = 1..widths.len();
        let wide = columns.clone().filter(|&index| widths[index] > heading(index).max(READABLE));
        let spare = wide.max_by_key(|&index| widths[index]);
        let Some(index) = spare.or_else(|| columns.rev().find(|&index| widths[index] > heading(index))) else { break };
        widths[index] -= 1;
    }
    widths
}

fn fitted(cell: &str, share: usize) -> String {
    if width(cell) <= share {
        return cell.to_owned();
    }
    let mut lines: Vec<String> = Vec::new();
    for word in cell.split(' ').filter(|word| !word.is_empty()) {
        match lines.last_mut() {
            Some(line) if width(line) + 1 + width(word) <= share => {
                line.push(' ');
                line.push_str(word);
            }
            _ => lines.push(cut(word, share)),
        }
    }
    if lines.len() > MAX_LINES {
        let rest = lines.split_off(MAX_LINES - 1).join(" ");
        lines.push(cut(&rest, share));
    }
    lines.join("\n")
}

fn cut(text: &str, share: usize) -> String {
    if width(text) <= share {
        return text.to_owned();
    }
    let mut kept = String::new();
    for character in text.chars() {
        if width(&kept) + width(character.encode_utf8(&mut [0; 4])) + 1 > share {
            break;
        }
        kept.push(character);
    }
    kept.push(CUT);
    kept
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn rows(rows: &[&[&str]]) -> Vec<Vec<String>> {
        rows.iter().map(|row| row.iter().map(|cell| (*cell).to_owned()).collect()).collect()
    }

    #[test]
    fn without_a_terminal_nothing_is_too_wide() {
        let table = lines(&["name", "reason"], &rows(&[&["ada", &"long ".repeat(100)]]), None);
        assert_eq!(table, ["name  reason", &format!("ada   {}", "long ".repeat(100).trim_end())]);
    }

    #[test]
    fn what_fits_is_left_as_it_is() {
        let table = lines(&["name", "reason"], &rows(&[&["ada", "on leave"], &["grace", "-"]]), Some(40));
        assert_eq!(table, ["name   reason", "ada    on leave", "grace  -"]);
    }

    #[test]
    fn words_are_wrapped_and_long_ones_cut() {
        let rows = rows(&[&["ada", "ada@a-very-long-name.example.org", "back from a long leave"]]);
        let table = lines(&["name", "email", "reason"], &rows, Some(30));
        assert_eq!(
            table,
            ["name  email        reason", "ada   ada@a-very…  back from a", "                   long leave"]
        );
    }

    #[test]
    fn the_first_column_and_the_headings_stay_whole() {
        let id = "0190a1b2-c3d4-7e5f-8a9b-0c1d2e3f4a5b";
        let table = lines(&["id", "created_at"], &rows(&[&[id, "2026-01-31 12:00:00Z"]]), Some(20));
        assert_eq!(
            table,
            [format!("{:36}  created_at", "id"), format!("{id}  2026-01-31"), format!("{:36}  12:00:00Z", "")]
        );
    }

    #[test]
    fn a_cell_has_no_more_lines_than_can_be_looked_over() {
        let cell = fitted(&"word ".repeat(100), 10);
        assert_eq!(cell, "word word\nword word\nword word\nword word…");
    }

    proptest! {
        #[test]
        fn every_line_fits(cells in prop::collection::vec("[a-z漢字 é👩]{0,60}", 2..5), room in 40..120usize) {
            let mut cells = cells;
            cells[0] = "ada".into();
            let headings = ["a", "b", "c", "d"];
            for line in lines(&headings[..cells.len()], &[cells], Some(room)) {
                prop_assert!(width(&line) <= room, "{line:?}");
            }
        }
    }
}
