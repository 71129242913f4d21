//! Pages that name other pages: every relative link of a Markdown file and every page that a
//! source file mentions exists, headings included.
#![allow(clippy::expect_used, clippy::panic, reason = "tests fail by panicking")]

use std::collections::HashSet;
use std::fs;
use std::path::{Path, PathBuf};

/// Folders without pages or sources of ours.
const SKIPPED: [&str; 5] = [".git", "node_modules", "runs", "target", ".wrangler"];

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("..")
}

/// The files below `folder` whose names end in one of `endings`.
fn files(folder: &Path, endings: &[&str], found: &mut Vec<PathBuf>) {
    for entry in fs::read_dir(folder).expect("a folder").flatten() {
        let (path, name) = (entry.path(), entry.file_name());
        let name = name.to_string_lossy();
        if entry.file_type().expect("a file type").is_dir() {
            if !SKIPPED.contains(&name.as_ref()) {
                files(&path, endings, found);
            }
        } else if endings.iter().any(|ending| name.ends_with(ending)) {
            found.push(path);
        }
    }
}

fn read(path: &Path) -> String {
    fs::read_to_string(path).unwrap_or_else(|error| panic!("{}: {error}", path.display()))
}

/// A page without its blocks of code, where brackets and `#` mean something else.
fn prose(page: &str) -> String {
    page.split("```").step_by(2).collect()
}

/// The fragments by which the headings of a page are linked, as GitHub makes them.
fn fragments(page: &str) -> HashSet<String> {
    let headings = page.lines().filter(|line| line.starts_with('#'));
    let kept = |letter: &char| letter.is_alphanumeric() || " -_".contains(*letter);
    headings
        .map(|line| line.trim_start_matches('#').trim().to_lowercase())
        .map(|text| text.chars().filter(kept).collect::<String>())
        .map(|text| text.replace(' ', "-"))
        .collect()
}

/// The relative links of a page: what stands between `](` and `)`.
fn links(prose: &str) -> impl Iterator<Item = &str> {
    let targets = prose.split("](").skip(1);
    targets
        .filter_map(|rest| rest.split_once(')').map(|(target, _)| target))
        .filter(|target| !target.contains("://") && !target.contains(' '))
}

/// What is wrong with a link of the page at `path`, or nothing.
fn problem(path: &Path, link: &str) -> Option<String> {
    let (file, fragment) = link.split_once('#').unwrap_or((link, ""));
    let target = match file {
        "" => path.to_owned(),
        _ => path.parent().expect("a folder").join(file),
    };
    if !target.exists() {
        return Some(format!("{}: {link}: no such file", path.display()));
    }
    let missing = !fragment.is_empty() && !fragments(&prose(&read(&target))).contains(fragment);
    missing.then(|| format!("{}: {link}: no such heading", path.display()))
}

#[test]
fn links_lead_somewhere() {
    let mut pages = Vec::new();
    files(&root(), &[".md"], &mut pages);
    assert!(pages.len() > 20, "{pages:?}");
    let mut problems = Vec::new();
    for path in pages {
        let page = prose(&read(&path));
        problems.extend(links(&page).filter_map(|link| problem(&path, link)));
    }
    assert!(problems.is_empty(), "{}", problems.join("\n"));
}

#[test]
fn a_dead_link_is_found() {
    let page = root().join("docs/README.md");
    assert_eq!(problem(&page, "benchmarks.md#conformance"), None);
    for link in ["reference/none.md", "benchmarks.md#none", "#none"] {
        assert!(problem(&page, link).is_some(), "{link}");
    }
}

#[test]
fn sources_name_pages_that_exist() {
    let mut sources = Vec::new();
    files(
        &root(),
        &[".rs", ".toml", ".js", ".mjs", ".py", ".sh"],
        &mut sources,
    );
    let mut problems = Vec::new();
    for path in sources {
        let source = read(&path);
        for rest in source.split("docs/").skip(1) {
            let named = rest.split_once(".md").map(|(name, _)| name);
            let page = |name: &&str| {
                name.chars()
                    .all(|c| c.is_ascii_lowercase() || "-/".contains(c))
            };
            if let Some(name) = named.filter(page)
                && !root().join(format!("docs/{name}.md")).exists()
            {
                problems.push(format!("{}: docs/{name}.md", path.display()));
            }
        }
    }
    assert!(problems.is_empty(), "{}", problems.join("\n"));
}
