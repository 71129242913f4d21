//! What the module says about a request that it refuses, in sentences.

use serde::Deserialize;

#[derive(Deserialize)]
struct Refusal {
    detail: Detail,
}

#[derive(Deserialize)]
#[serde(untagged)]
enum Detail {
    List(Vec<Problem>),
    Text(String),
}

#[derive(Deserialize)]
struct Problem {
    r#type: String,
    loc: Vec<serde_json::Value>,
    msg: String,
}

impl Problem {
    /// `person_income: Input should be …`
    fn sentence(&self) -> String {
        match self.loc.last() {
            Some(serde_json::Value::String(field)) if self.loc.len() > 1 => {
                format!("{field}: {}", self.msg)
            }
            _ => self.msg.clone(),
        }
    }

    /// Whether it is about a field's name, not about what it holds or about one that is missing.
    fn is_about_name(&self) -> bool {
        matches!(self.r#type.as_str(), "extra_forbidden" | "duplicate_field")
    }
}

/// The module's list of problems as one sentence.
pub(super) fn reason(refusal: &[u8]) -> String {
    match serde_json::from_slice::<Refusal>(refusal) {
        Ok(Refusal {
            detail: Detail::Text(text),
        }) => text,
        Ok(Refusal {
            detail: Detail::List(problems),
        }) => joined(problems.iter()),
        Err(_) => "refused".to_owned(),
    }
}

/// What is wrong with the names of the fields; `None` when nothing is.
pub(super) fn wrong_names(answer: &[u8]) -> Option<String> {
    let Ok(Refusal {
        detail: Detail::List(problems),
    }) = serde_json::from_slice(answer)
    else {
        return None;
    };
    let sentences = joined(problems.iter().filter(|problem| problem.is_about_name()));
    Some(sentences).filter(|sentences| !sentences.is_empty())
}

fn joined<'a>(problems: impl Iterator<Item = &'a Problem>) -> String {
    let sentences: Vec<String> = problems.map(Problem::sentence).collect();
    sentences.join("; ")
}
