//! A page with everything on it.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    reason = "a test may fail"
)]

use model_report::chart::{Axis, Bar, Summary};
use model_report::{
    BarChart, BoxPlot, Cell, Chart, Fact, Figure, HeatMap, Page, Section, Svg, Table, Tone,
};

fn curve(values: impl Fn(f64) -> f64) -> Vec<(f64, f64)> {
    (0..=40)
        .map(|index| f64::from(index) / 40.0)
        .map(|x| (x, values(x)))
        .collect()
}

fn charts() -> Vec<Svg> {
    let share = || Axis::share("Share");
    let band = curve(|x| x.sqrt())
        .into_iter()
        .map(|(x, y)| (x, y - 0.05, y + 0.05));
    let bins = |shift: f64| {
        (0..20)
            .map(|bin| f64::from(bin) / 20.0)
            .map(|from| {
                (
                    from,
                    from + 0.05,
                    9e4 * (-(from - shift).powi(2) * 20.0).exp(),
                )
            })
            .collect()
    };
    let five = |shift: f64| Summary {
        low: shift,
        first_quartile: shift + 1.0,
        median: shift + 1.4,
        third_quartile: shift + 2.5,
        high: shift + 4.0,
    };
    let names = || ["income", "amount", "years"].map(str::to_owned).to_vec();
    vec![
        Chart::new("Line", "Rises.", share(), share())
            .line_in_band("model", curve(f64::sqrt), band.collect())
            .reference("chance", vec![(0.0, 0.0), (1.0, 1.0)])
            .svg(),
        Chart::new("Steps", "Rises in steps.", share(), Axis::new("Count"))
            .steps("counted", &curve(|x| (x * 5.0).floor()))
            .svg(),
        Chart::new("Histogram", "Two hills.", share(), Axis::new("Rows"))
            .histogram("approved", bins(0.7))
            .histogram("rejected", bins(0.3))
            .upright("threshold", 0.5)
            .svg(),
        Chart::new("Estimates", "Points.", Axis::new("Rows"), Axis::new("AUC"))
            .estimates(
                "held out",
                vec![(100.0, 0.8), (31_500.0, 0.9)],
                vec![(100.0, 0.75, 0.85), (31_500.0, 0.89, 0.91)],
            )
            .points("trained on", vec![(100.0, 0.99)])
            .svg(),
        BarChart::new(
            "Bars",
            "Three bars.",
            Axis::new("Loss of AUC"),
            vec![
                Bar::within("income of a person with a very long name", 0.12, 0.1, 0.14),
                Bar::new("<b>&\"", -0.01),
                Bar::new("nothing", f64::NAN),
            ],
        )
        .reference("all", 0.05)
        .svg(),
        BoxPlot::new(
            "Boxes",
            "Two boxes.",
            Axis::new("Income"),
            vec![
                ("Approved".to_owned(), five(1.0)),
                ("Rejected".to_owned(), five(-1.0)),
            ],
        )
        .svg(),
        HeatMap::new(
            "Map",
            "Nine cells.",
            names(),
            names(),
            vec![1.0, -0.4, 0.1, -0.4, 1.0, f64::NAN, 0.1, f64::NAN, 1.0],
        )
        .svg(),
    ]
    .into_iter()
    .map(Result::unwrap)
    .collect()
}

fn page() -> String {
    let mut table = Table::new("Groups")
        .text("Group")
        .number("Rows")
        .number("Share");
    table.push(vec![
        "<script>alert(1)</script>".into(),
        "1,234".into(),
        Cell::new("12.3%").share(0.123),
    ]);
    table.push(vec![
        "b".into(),
        "7".into(),
        Cell::new("0.79").tone(Tone::Warning),
    ]);
    let figures = charts()
        .into_iter()
        .fold(Section::new("figures", "Figures"), |section, chart| {
            section.figure(Figure::new(chart, "What is to be seen."))
        });
    Page::new("A report & more")
        .subtitle("Of 9,000 rows")
        .fact(
            Fact::new("ROC AUC", "0.9803")
                .remark("0.9771 to 0.9834")
                .tone(Tone::Good),
        )
        .fact(Fact::new("Rows", "9,000"))
        .fact(Fact::new("Missing", "12").tone(Tone::Warning))
        .notice(Tone::Warning, "One column is <odd>.")
        .section(Section::new("empty", "Left out"))
        .section(figures)
        .section(
            Section::new("table", "Table")
                .heading("Words")
                .paragraph("A paragraph.")
                .notice(Tone::Bad, "Something is wrong.")
                .list(vec!["one".to_owned(), "two".to_owned()])
                .table(table)
                .details("More", Section::new("more", "More").paragraph("Folded up.")),
        )
        .provenance("Data", "loan.csv")
        .html()
        .unwrap()
}

#[test]
fn everything_is_on_the_page_and_escaped() {
    let page = page();
    if let Ok(path) = std::env::var("REPORT_OUT") {
        std::fs::write(path, &page).unwrap();
    }
    for words in [
        "<h1>A report &#38; more</h1>",
        "One column is &#60;odd&#62;.",
        "&#60;script&#62;alert(1)&#60;/script&#62;",
        "<caption>Groups</caption>",
        "style=\"--share:12.3%\"",
        "aria-label=\"Bars. Three bars.\"",
        "&lt;b&gt;&amp;",
        "income of a person with a…",
        "Folded up.",
        "0.9771 to 0.9834",
    ] {
        assert!(page.contains(words), "no {words} in\n{page}");
    }
    assert!(!page.contains("Left out"), "an empty section is shown");
    assert!(!page.contains("<script"), "a script");
}

#[test]
fn a_page_loads_nothing() {
    let page = page().replace("http://www.w3.org/2000/svg", "");
    for loads in ["http:", "https:", "src=", "@import", "url(", "<link"] {
        assert!(!page.contains(loads), "{loads} in the page");
    }
}

#[test]
fn odd_numbers_are_drawn_without_a_panic() {
    let axis = || Axis::new("x");
    let odd: [Vec<(f64, f64)>; 5] = [
        vec![],
        vec![(1.0, 1.0)],
        vec![(f64::NAN, 1.0), (2.0, f64::INFINITY)],
        vec![(1e300, -1e300), (-1e300, 1e300)],
        vec![(5.0, 0.0), (5.0, 0.0)],
    ];
    for points in odd {
        let chart = Chart::new("t", "d", axis(), axis().from_zero())
            .line("a", points.clone())
            .points("b", points.clone())
            .steps("c", &points)
            .reference("d", points.clone());
        assert!(
            chart.svg().unwrap().markup().ends_with("</svg>\n"),
            "{points:?}"
        );
    }
    let bars = |bars| BarChart::new("t", "d", axis(), bars).svg().unwrap();
    bars(vec![]);
    bars(vec![Bar::new("", 0.0)]);
    assert!(
        bars(vec![Bar::new("a", f64::INFINITY)])
            .markup()
            .contains("<svg")
    );
    HeatMap::new("t", "d", vec![], vec![], vec![1.0])
        .svg()
        .unwrap();
}

#[test]
fn every_colour_of_a_chart_follows_the_page() {
    let page = page();
    for chart in charts() {
        for part in chart.markup().split(['"']) {
            if part.starts_with('#') && part.len() == 7 {
                let rule = format!("[fill=\"{part}\"]{{fill:var(--");
                assert!(page.contains(&rule), "{part} has no rule");
            }
        }
    }
}
