//! Aligned columns: upper-case header, two spaces between, no lines drawn, nothing cut. `awk '{print $1}'` gets the id.

use console::measure_text_width;

use super::style::{DIM, paint};

/// Rows under a header.
#[derive(Debug)]
pub(crate) struct Table {
    header: Vec<&'static str>,
    rows: Vec<Vec<String>>,
}

impl Table {
    pub(crate) fn new(header: &[&'static str]) -> Self {
        Self { header: header.to_vec(), rows: Vec::new() }
    }

    pub(crate) fn row<const N: usize>(&mut self, cells: [String; N]) {
        let cells = cells.into_iter().map(|cell| if cell.is_empty() { "-".to_owned() } else { cell });
        self.rows.push(cells.collect());
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.rows.is_empty()
    }

    /// The table as lines, without a line end at the end.
    pub(crate) fn lines(&self) -> Vec<String> {
        let width = |column: usize| {
            let cells = self.rows.iter().filter_map(|row| row.get(column));
            let widest = cells.map(|cell| measure_text_width(cell)).max().unwrap_or(0);
            widest.max(self.header.get(column).map_or(0, |title| title.len()))
        };
        let widths: Vec<usize> = (0..self.header.len()).map(width).collect();
        let header = self.header.iter().map(|title| (*title).to_owned()).collect::<Vec<_>>();
        let mut lines = vec![paint(DIM, &line(&header, &widths))];
        lines.extend(self.rows.iter().map(|row| line(row, &widths)));
        lines
    }
}

fn line(cells: &[String], widths: &[usize]) -> String {
    let mut line = String::new();
    for (index, (cell, width)) in cells.iter().zip(widths).enumerate() {
        line.push_str(cell);
        if index + 1 < cells.len() {
            let padding = width.saturating_sub(measure_text_width(cell)) + 2;
            line.extend(std::iter::repeat_n(' ', padding));
        }
    }
    line
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn columns_align_by_what_is_seen() {
        let mut table = Table::new(&["ID", "STATE"]);
        table.row(["3x9mq2p7ab".to_owned(), "FAILED".to_owned()]);
        table.row(["日本".to_owned(), String::new()]);
        let lines: Vec<String> =
            table.lines().iter().map(|line| console::strip_ansi_codes(line).into_owned()).collect();
        assert_eq!(lines, ["ID          STATE", "3x9mq2p7ab  FAILED", "日本        -"]);
    }
}
