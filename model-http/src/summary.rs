//! The bodies of `GET /` and `GET /health`. Their keys and words are the old services';
//! clients and dashboards read them.

use serde::Serialize;

/// Which model answers; `digest` identifies it exactly.
#[derive(Debug, Clone, Copy, Serialize)]
pub struct ModelId<'a> {
    /// `loan-approval`
    pub name: &'a str,
    /// `1.0.0`
    pub version: &'a str,
    /// `sha256:` and 64 hexadecimal digits.
    pub digest: &'a str,
}

/// How many features a request may hold that mean something: inputs and protected ones.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct FeatureCounts {
    /// Of any type.
    pub all: usize,
    /// Categories.
    pub categorical: usize,
    /// Booleans.
    pub boolean: usize,
}

/// What `GET /` says of a model.
#[derive(Debug, Clone, Copy)]
pub struct Root<'a> {
    /// What the API is called, see [`api_name`].
    pub name: &'a str,
    /// A sentence about the model; may be empty.
    pub description: &'a str,
    /// Which model answers.
    pub model: ModelId<'a>,
    /// Its features.
    pub features: FeatureCounts,
}

/// What an API is called whose model has this name and perhaps a title:
/// `Loan Approval API`.
#[must_use]
pub fn api_name(model: &str, title: Option<&str>) -> String {
    let title = title.filter(|title| !title.is_empty()).unwrap_or(model);
    format!("{title} API")
}

impl Root<'_> {
    /// The body.
    #[must_use]
    pub fn to_json(&self) -> Vec<u8> {
        #[derive(Serialize)]
        struct Body<'a> {
            status: &'static str,
            name: &'a str,
            version: &'a str,
            description: &'a str,
            model_loaded: bool,
            model: ModelId<'a>,
            features_count: usize,
            categorical_count: usize,
            boolean_count: usize,
        }
        json(&Body {
            status: "ok",
            name: self.name,
            version: self.model.version,
            description: self.description,
            model_loaded: true,
            model: self.model,
            features_count: self.features.all,
            categorical_count: self.features.categorical,
            boolean_count: self.features.boolean,
        })
    }

    /// The body where there is no model; `name` where the host has been given one.
    #[must_use]
    pub fn without_model(name: Option<&str>) -> Vec<u8> {
        #[derive(Serialize)]
        struct Body<'a> {
            status: &'static str,
            #[serde(skip_serializing_if = "Option::is_none")]
            name: Option<&'a str>,
            model_loaded: bool,
        }
        json(&Body {
            status: "ok",
            name,
            model_loaded: false,
        })
    }
}

/// The body of `GET /health`, status 200: there is a model that can decide.
#[must_use]
pub fn healthy(model: ModelId<'_>) -> Vec<u8> {
    #[derive(Serialize)]
    struct Body<'a> {
        status: &'static str,
        model_loaded: bool,
        version: &'a str,
        model: ModelId<'a>,
    }
    json(&Body {
        status: "healthy",
        model_loaded: true,
        version: model.version,
        model,
    })
}

/// The body of `GET /health`, status 503: there is none, and `detail` says why.
#[must_use]
pub fn unhealthy(detail: &str) -> Vec<u8> {
    #[derive(Serialize)]
    struct Body<'a> {
        status: &'static str,
        model_loaded: bool,
        detail: &'a str,
    }
    json(&Body {
        status: "unhealthy",
        model_loaded: false,
        detail,
    })
}

/// Structs of texts, numbers and booleans always serialize.
fn json(body: &impl Serialize) -> Vec<u8> {
    serde_json::to_vec(body).unwrap_or_default()
}
