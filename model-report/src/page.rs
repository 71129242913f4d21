//! One self-contained HTML page.

use askama::Template;

use crate::chart::Svg;
use crate::palette;

/// A report.
#[derive(Debug, Clone, Default)]
pub struct Page {
    title: String,
    subtitle: String,
    facts: Vec<Fact>,
    notices: Vec<(Tone, String)>,
    sections: Vec<Section>,
    footer: Vec<(String, String)>,
}

/// How a value is to be judged.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Tone {
    /// Neutral.
    #[default]
    Plain,
    /// As expected.
    Good,
    /// Needs attention.
    Warning,
    /// Wrong.
    Bad,
}

/// A fact of the summary: a label, a value, and a remark such as an interval.
#[derive(Debug, Clone)]
pub struct Fact {
    label: String,
    value: String,
    remark: String,
    tone: Tone,
}

/// A section of a report, with a heading and an anchor.
#[derive(Debug, Clone)]
pub struct Section {
    id: String,
    title: String,
    blocks: Vec<Block>,
}

#[derive(Debug, Clone)]
enum Block {
    Heading(String),
    Paragraph(String),
    Notice(Tone, String),
    List(Vec<String>),
    Table(Table),
    Figures(Vec<Figure>),
    Details(String, Box<Section>),
}

/// A chart with its caption.
#[derive(Debug, Clone)]
pub struct Figure {
    /// Charts and the text under their titles, one below the other.
    parts: Vec<(Svg, String)>,
    wide: bool,
}

/// A table; the first cell of a row is its heading.
#[derive(Debug, Clone, Default)]
pub struct Table {
    caption: String,
    columns: Vec<Column>,
    rows: Vec<Vec<Cell>>,
}

#[derive(Debug, Clone)]
struct Column {
    name: String,
    number: bool,
}

/// A cell of a table.
#[derive(Debug, Clone, Default)]
pub struct Cell {
    text: String,
    tone: Tone,
    /// A share from 0 to 1 that is shown as a bar behind the text.
    share: Option<f64>,
}

#[derive(Template)]
#[template(path = "page.html", whitespace = "minimize")]
struct Html<'a> {
    page: &'a Page,
    colours: String,
}

#[derive(Template)]
#[template(path = "section.html", whitespace = "minimize")]
struct Blocks<'a> {
    section: &'a Section,
}

impl Page {
    /// A page without sections.
    #[must_use]
    pub fn new(title: impl Into<String>) -> Self {
        Self {
            title: title.into(),
            ..Self::default()
        }
    }

    /// A sentence under the title.
    #[must_use]
    pub fn subtitle(mut self, text: impl Into<String>) -> Self {
        self.subtitle = text.into();
        self
    }

    /// Adds a fact to the summary at the top.
    #[must_use]
    pub fn fact(mut self, fact: Fact) -> Self {
        self.facts.push(fact);
        self
    }

    /// Adds a notice above the sections.
    #[must_use]
    pub fn notice(mut self, tone: Tone, text: impl Into<String>) -> Self {
        self.notices.push((tone, text.into()));
        self
    }

    /// Adds a section; an empty one is left out.
    #[must_use]
    pub fn section(mut self, section: Section) -> Self {
        if !section.blocks.is_empty() {
            self.sections.push(section);
        }
        self
    }

    /// Adds a name and a value about the report's origin, at the bottom.
    #[must_use]
    pub fn provenance(mut self, name: impl Into<String>, value: impl Into<String>) -> Self {
        self.footer.push((name.into(), value.into()));
        self
    }

    /// The page as HTML: one file that loads nothing.
    ///
    /// # Errors
    /// When the template engine fails; it writes to memory.
    pub fn html(&self) -> Result<String, askama::Error> {
        Html {
            page: self,
            colours: palette::style(),
        }
        .render()
    }
}

impl Fact {
    /// A label and a value.
    #[must_use]
    pub fn new(label: impl Into<String>, value: impl Into<String>) -> Self {
        Self {
            label: label.into(),
            value: value.into(),
            remark: String::new(),
            tone: Tone::Plain,
        }
    }

    /// Adds a remark, such as an interval.
    #[must_use]
    pub fn remark(mut self, text: impl Into<String>) -> Self {
        self.remark = text.into();
        self
    }

    /// Sets how it is to be judged.
    #[must_use]
    pub fn tone(mut self, tone: Tone) -> Self {
        self.tone = tone;
        self
    }
}

impl Section {
    /// An empty section. `id` is its anchor: lower-case letters, digits and `-`.
    #[must_use]
    pub fn new(id: impl Into<String>, title: impl Into<String>) -> Self {
        Self {
            id: id.into(),
            title: title.into(),
            blocks: Vec::new(),
        }
    }

    /// Adds a heading within the section.
    #[must_use]
    pub fn heading(self, text: impl Into<String>) -> Self {
        self.with(Block::Heading(text.into()))
    }

    /// Adds a paragraph.
    #[must_use]
    pub fn paragraph(self, text: impl Into<String>) -> Self {
        self.with(Block::Paragraph(text.into()))
    }

    /// Adds a highlighted paragraph.
    #[must_use]
    pub fn notice(self, tone: Tone, text: impl Into<String>) -> Self {
        self.with(Block::Notice(tone, text.into()))
    }

    /// Adds a list.
    #[must_use]
    pub fn list(self, items: Vec<String>) -> Self {
        self.with(Block::List(items))
    }

    /// Adds a table.
    #[must_use]
    pub fn table(self, table: Table) -> Self {
        self.with(Block::Table(table))
    }

    /// Adds a chart; consecutive charts stand side by side where there is room.
    #[must_use]
    pub fn figure(mut self, figure: Figure) -> Self {
        if let Some(Block::Figures(figures)) = self.blocks.last_mut() {
            figures.push(figure);
            return self;
        }
        self.with(Block::Figures(vec![figure]))
    }

    /// Adds details: collapsed on screen, printed in full. The title of the inner section is not
    /// shown.
    #[must_use]
    pub fn details(self, summary: impl Into<String>, inside: Self) -> Self {
        self.with(Block::Details(summary.into(), Box::new(inside)))
    }

    fn with(mut self, block: Block) -> Self {
        self.blocks.push(block);
        self
    }

    fn blocks_html(&self) -> Result<String, askama::Error> {
        Blocks { section: self }.render()
    }
}

impl Figure {
    /// A chart and the text under its title.
    #[must_use]
    pub fn new(chart: Svg, caption: impl Into<String>) -> Self {
        Self {
            parts: vec![(chart, caption.into())],
            wide: false,
        }
    }

    /// Adds another chart of the same subject, below.
    #[must_use]
    pub fn below(mut self, chart: Svg, caption: impl Into<String>) -> Self {
        self.parts.push((chart, caption.into()));
        self
    }

    /// Spans the whole width.
    #[must_use]
    pub fn wide(mut self) -> Self {
        self.wide = true;
        self
    }
}

impl Table {
    /// A table without columns.
    #[must_use]
    pub fn new(caption: impl Into<String>) -> Self {
        Self {
            caption: caption.into(),
            ..Self::default()
        }
    }

    /// Adds a column of text.
    #[must_use]
    pub fn text(self, name: impl Into<String>) -> Self {
        self.column(name, false)
    }

    /// Adds a column of numbers, aligned right.
    #[must_use]
    pub fn number(self, name: impl Into<String>) -> Self {
        self.column(name, true)
    }

    /// Adds a row; missing cells are empty.
    pub fn push(&mut self, row: Vec<Cell>) {
        self.rows.push(row);
    }

    /// The table with rows.
    #[must_use]
    pub fn rows(mut self, rows: impl IntoIterator<Item = Vec<Cell>>) -> Self {
        self.rows.extend(rows);
        self
    }

    fn column(mut self, name: impl Into<String>, number: bool) -> Self {
        self.columns.push(Column {
            name: name.into(),
            number,
        });
        self
    }

    fn is_number(&self, column: &usize) -> bool {
        self.columns
            .get(*column)
            .is_some_and(|column| column.number)
    }
}

impl Cell {
    /// Text, or a formatted number.
    #[must_use]
    pub fn new(text: impl Into<String>) -> Self {
        Self {
            text: text.into(),
            ..Self::default()
        }
    }

    /// Sets how it is to be judged.
    #[must_use]
    pub fn tone(mut self, tone: Tone) -> Self {
        self.tone = tone;
        self
    }

    /// Adds a bar behind the text, from 0 to 1.
    #[must_use]
    pub fn share(mut self, share: f64) -> Self {
        self.share = share.is_finite().then(|| share.clamp(0.0, 1.0));
        self
    }

    /// Between which a line may end: names of columns are long.
    fn pieces(&self) -> impl Iterator<Item = &str> {
        self.text.split_inclusive('_')
    }

    fn bar(&self) -> Option<String> {
        self.share.map(|share| format!("{:.1}%", share * 100.0))
    }
}

impl<T: Into<String>> From<T> for Cell {
    fn from(text: T) -> Self {
        Self::new(text)
    }
}

impl Tone {
    fn class(self) -> &'static str {
        match self {
            Self::Plain => "plain",
            Self::Good => "good",
            Self::Warning => "warning",
            Self::Bad => "bad",
        }
    }

    /// The text for screen readers, and for readers who do not see colour.
    fn word(self) -> &'static str {
        match self {
            Self::Plain => "Note",
            Self::Good => "Good",
            Self::Warning => "Warning",
            Self::Bad => "Problem",
        }
    }
}
