//! Bar charts, drawn once for both kinds of file: SVG without a script, and PNG with a font of its own.

use crate::escape::{escaped, plain};
use plotters::coord::Shift;
use plotters::drawing::DrawingAreaErrorKind;
use plotters::prelude::*;
use plotters::style::register_font;
use plotters::style::text_anchor::{HPos, Pos, VPos};
use std::sync::LazyLock;

/// One bar: what it is of, how much, and how much more is to be marked.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Bar {
    /// What it is of.
    pub name: String,
    /// How much.
    pub count: u64,
    /// How much more, drawn behind it in the colour of warnings.
    pub marked: u64,
}

/// Horizontal bars under a title.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Chart {
    /// What it is a chart of.
    pub title: String,
    /// From top to bottom; what goes past [`BARS_MAX`] is not drawn.
    pub bars: Vec<Bar>,
}

/// Why there is no chart.
#[derive(Debug, thiserror::Error)]
pub enum ChartError {
    /// It could not be drawn.
    #[error("draw the chart `{title}`: {why}")]
    Draw {
        /// The chart's.
        title: String,
        /// The drawing library's words.
        why: String,
    },
    /// What was drawn could not be packed.
    #[error("pack the chart as PNG")]
    Pack(#[from] png::EncodingError),
}

/// The most bars of one chart.
pub const BARS_MAX: usize = 60;
/// The longest name that is shown, in characters, where there is room for it; the rest is in the words.
const NAME_CHARACTERS_MAX: usize = 40;
/// Pixels of a PNG for each pixel of the SVG: what is not vectors has to be sharp on a dense screen.
const PNG_SCALE: u32 = 2;

const WIDTH: u32 = 720;
const ROW: u32 = 22;
const NAME_WIDTH: u32 = 260;
const COUNT_WIDTH: u32 = 130;
const TITLE: u32 = 38;
const BOTTOM: u32 = 10;
/// Between a bar and its row's edge.
const ROW_GAP: u32 = 4;
/// How far below a bar's middle the middle of its texts is: letters have more above them than below.
const SINK: i32 = 2;
/// Heights of a line of letters, with what is above and below them.
const TITLE_LETTERS: u32 = 19;
const LETTERS: u32 = 16;

const INK: RGBColor = RGBColor(0x1c, 0x1c, 0x1c);
const PALE_INK: RGBColor = RGBColor(0x55, 0x55, 0x55);
const BAR: RGBColor = RGBColor(0x2f, 0x6f, 0x8f);
const WARNING: RGBColor = RGBColor(0xb3, 0x41, 0x2e);

/// The viewer's own letters in an SVG; in a PNG, and where a text is measured, those that come along.
const FONT: FontFamily<'static> = FontFamily::SansSerif;
/// No font of the system is needed: one face, with its licence in it, is part of the program.
static FACE: LazyLock<bool> =
    LazyLock::new(|| register_font(FONT.as_str(), FontStyle::Normal, dejavu::sans::regular()).is_ok());

impl Chart {
    /// One SVG document; its title is read out by screen readers.
    ///
    /// # Errors
    ///
    /// [`ChartError::Draw`].
    pub fn svg(&self) -> Result<String, ChartError> {
        let mut out = String::new();
        self.draw(SVGBackend::with_string(&mut out, self.size(1)), 1)?;
        let (head, rest) = out.split_once('>').ok_or_else(|| self.undrawn("no document"))?;
        Ok(format!("{head} role=\"img\"><title>{}</title>{rest}", escaped(&self.title)))
    }

    /// One PNG picture.
    ///
    /// # Errors
    ///
    /// [`ChartError`].
    pub fn png(&self) -> Result<Vec<u8>, ChartError> {
        let (width, height) = self.size(PNG_SCALE);
        let bytes = usize::try_from(width.saturating_mul(height).saturating_mul(3));
        let mut pixels = vec![0; bytes.map_err(|too_large| self.undrawn(too_large))?];
        self.draw(BitMapBackend::with_buffer(&mut pixels, (width, height)), PNG_SCALE)?;
        let mut out = Vec::new();
        let mut encoder = png::Encoder::new(&mut out, width, height);
        encoder.set_color(png::ColorType::Rgb);
        encoder.set_depth(png::BitDepth::Eight);
        let mut writer = encoder.write_header()?;
        writer.write_image_data(&pixels)?;
        writer.finish()?;
        Ok(out)
    }

    fn shown(&self) -> &[Bar] {
        self.bars.get(..BARS_MAX).unwrap_or(&self.bars)
    }

    fn size(&self, scale: u32) -> (u32, u32) {
        let rows = u32::try_from(self.shown().len()).unwrap_or(0).max(1);
        let height = rows.saturating_mul(ROW).saturating_add(TITLE).saturating_add(BOTTOM);
        (WIDTH.saturating_mul(scale), height.saturating_mul(scale))
    }

    fn undrawn(&self, why: impl ToString) -> ChartError {
        ChartError::Draw { title: plain(&self.title), why: why.to_string() }
    }

    fn draw<DB: DrawingBackend>(&self, backend: DB, scale: u32) -> Result<(), ChartError> {
        if !*FACE {
            return Err(self.undrawn("its font is not one"));
        }
        let area = backend.into_drawing_area();
        self.draw_on(&area, scale).and_then(|()| area.present()).map_err(|error| self.undrawn(error))
    }

    fn draw_on<DB: DrawingBackend>(
        &self,
        area: &DrawingArea<DB, Shift>,
        scale: u32,
    ) -> Result<(), DrawingAreaErrorKind<DB::ErrorType>> {
        let wide = |pixels: u32| pixels.saturating_mul(scale);
        let off = |pixels: i32| pixels.saturating_mul(i32::try_from(scale).unwrap_or(1));
        let letters = |height: u32, colour: &'static RGBColor, side: HPos| {
            TextStyle::from((FONT, wide(height))).color(colour).pos(Pos::new(side, VPos::Center))
        };
        area.fill(&WHITE)?;
        let (head, body) = area.split_vertically(wide(TITLE));
        head.draw_text(&plain(&self.title), &letters(TITLE_LETTERS, &INK, HPos::Left), (off(8), off(18)))?;
        let shown = self.shown();
        if shown.is_empty() {
            return body.draw_text("nothing", &letters(LETTERS, &PALE_INK, HPos::Left), (off(8), off(10)));
        }
        let most = shown.iter().map(Bar::end).max().unwrap_or(0).max(1);
        let rows = u32::try_from(shown.len()).unwrap_or(0);
        // Each row is two high, so that its middle is a whole number, and the first is at the top. The plot is one pixel
        // less than its room, which is how the library counts.
        let plot = ChartBuilder::on(&body)
            .margin_left(wide(NAME_WIDTH))
            .margin_right(wide(COUNT_WIDTH).saturating_sub(1))
            .margin_bottom(wide(BOTTOM).saturating_sub(1))
            .build_cartesian_2d(0..most, rows.saturating_mul(2)..0)?;
        let plot = plot.plotting_area();
        let (of_names, of_counts) = (letters(LETTERS, &INK, HPos::Right), letters(LETTERS, &INK, HPos::Left));
        let room = wide(NAME_WIDTH.saturating_sub(16));
        for (top, bar) in (0_u32..).step_by(2).zip(shown) {
            let (middle, bottom) = (top.saturating_add(1), top.saturating_add(2));
            for (from, to, colour) in [(0, bar.count, BAR), (bar.count, bar.end(), WARNING)] {
                if from < to {
                    let mut block = Rectangle::new([(from, top), (to, bottom)], colour.filled());
                    block.set_margin(wide(ROW_GAP), wide(ROW_GAP), 0, 0);
                    plot.draw(&block)?;
                }
            }
            let fits = |name: &str| Ok(area.estimate_text_size(name, &of_names)?.0 <= room);
            let name = cut(&plain(&bar.name), fits)?;
            let name = Text::new(name, (off(-8), off(SINK)), of_names.clone());
            let count = Text::new(bar.in_words(), (off(6), off(SINK)), of_counts.clone());
            plot.draw(&(EmptyElement::at((0, middle)) + name))?;
            plot.draw(&(EmptyElement::at((bar.end(), middle)) + count))?;
        }
        Ok(())
    }
}

impl Bar {
    fn end(&self) -> u64 {
        self.count.saturating_add(self.marked)
    }

    fn in_words(&self) -> String {
        if self.marked > 0 { format!("{} + {}", self.count, self.marked) } else { self.count.to_string() }
    }
}

/// The beginning of `name` for which there is room, with a mark where it was cut.
fn cut<E>(name: &str, fits: impl Fn(&str) -> Result<bool, E>) -> Result<String, E> {
    let mut letters = name.chars();
    let mut kept: String = letters.by_ref().take(NAME_CHARACTERS_MAX).collect();
    let mut shown = if letters.next().is_some() { format!("{kept}…") } else { kept.clone() };
    while !fits(&shown)? && kept.pop().is_some() {
        shown = format!("{kept}…");
    }
    Ok(shown)
}

#[cfg(test)]
mod tests;
