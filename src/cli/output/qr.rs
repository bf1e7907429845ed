//! A URL as a QR code of half blocks.

use console::Term;
use qrcode::{QrCode, render::unicode::Dense1x2};

/// `None` where it could not be read: not a terminal, or too narrow for it.
pub fn code(url: &str, term: &Term) -> Option<String> {
    let (rows, columns) = term.is_term().then(|| term.size())?;
    draw(url).filter(|code| fits(code, rows.into(), columns.into()))
}

/// Dark on light, whatever the terminal's colours are: light blocks on a dark ground.
fn draw(url: &str) -> Option<String> {
    let code = QrCode::new(url).ok()?;
    let mut image = code.render::<Dense1x2>();
    Some(
        image
            .dark_color(Dense1x2::Light)
            .light_color(Dense1x2::Dark)
            .build(),
    )
}

fn fits(code: &str, rows: usize, columns: usize) -> bool {
    code.lines().count() < rows && code.lines().all(|line| line.chars().count() <= columns)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_code_is_shown_only_whole() {
        let code = draw("https://shop.preview.example.com").unwrap();
        let (rows, columns) = (
            code.lines().count(),
            code.lines().next().unwrap().chars().count(),
        );
        assert!(fits(&code, rows + 1, columns));
        assert!(!fits(&code, rows, columns));
        assert!(!fits(&code, rows + 1, columns - 1));
    }
}
