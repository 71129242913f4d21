//! Why a decision came out as it did: the contract is `docs/reference/explanations.md`.

use super::answer::{write_value, written};
use super::problem::{self, Problem};
use super::request::{self, MAX_REQUEST};
use super::{Adjusted, Decider, Judgement};
use crate::json::{JsonKind, Raw, Writer};
use crate::link::Link;
use crate::policy::Outcome;
use crate::preprocess::Adjustment;
use crate::reasons::{Compared, Factor, Profiles};
use crate::schema::{Schema, When};

/// What the profiles of a model without any are called.
const IMPUTED: &str = "imputed";
const NO_PROFILES: &str =
    "The model has no profiles to compare with: train it again to get reasons";

/// What is asked: an application, alone or with how it is to be explained.
struct Question<'r> {
    application: &'r [u8],
    /// An index of the schema's languages.
    language: usize,
}

impl<'r> Question<'r> {
    fn parse(request: &'r [u8], schema: &Schema) -> Result<Self, Problem> {
        const APPLICATION: &str = "application";
        let object = request::parse_object(request)?;
        let named = |name: &str| schema.features.iter().any(|feature| feature.name == name);
        let is_question =
            |(key, _): &(Raw<'_>, Raw<'_>)| key.text().as_deref() == Some(APPLICATION);
        let mut question = Self {
            application: request,
            language: 0,
        };
        if named(APPLICATION) || !object.fields().any(|field| is_question(&field)) {
            return Ok(question);
        }
        for (key, value) in object.fields() {
            match key.text().as_deref().unwrap_or_default() {
                APPLICATION if value.kind() == JsonKind::Object => {
                    question.application = value.json().as_bytes();
                }
                APPLICATION => return Err(Problem::not_an_object()),
                "language" => question.language = language(value, schema)?,
                // The crate that looks for recourse reads it.
                "recourse" => {}
                other => {
                    let message = "Unknown key: expected application, language or recourse";
                    return Err(Problem::in_question(other, message));
                }
            }
        }
        Ok(question)
    }
}

fn language(value: Raw<'_>, schema: &Schema) -> Result<usize, Problem> {
    let text = value.text();
    let languages = &schema.languages;
    let index = languages
        .iter()
        .position(|known| Some(known.as_str()) == text.as_deref());
    index.ok_or_else(|| {
        let message = format!(
            "Input should be one of the model's languages: {}",
            languages.join(", ")
        );
        Problem::in_question("language", message)
    })
}

/// An application beside the profiles.
struct Explained {
    contributions: Vec<f64>,
    cases: Vec<When>,
}

impl Decider {
    /// Explains one decision: appends JSON to `out` and returns the HTTP status, 200, 413 or
    /// 422. The request is an application, or an object with the keys `application`,
    /// `language` and `recourse`. The first explanation builds tables; [`Decider::decide`] needs none of them.
    pub fn explain(&mut self, request: &[u8], out: &mut Vec<u8>) -> u16 {
        if request.len() > MAX_REQUEST {
            return problem::write_too_large(out);
        }
        let question = match Question::parse(request, &self.artifact.schema) {
            Ok(question) => question,
            Err(problem) => return problem::write_refusal(&[problem], out),
        };
        let outcome = request::parse(question.application, &self.fields, &self.artifact.schema)
            .and_then(|(raw_fields, problems)| self.evaluate(raw_fields, problems));
        match outcome {
            Ok((probability, adjusted)) => {
                let judgement = self.judge(probability);
                self.write_explanation(&question, judgement, &adjusted, out);
                200
            }
            Err(problems) => problem::write_refusal(&problems, out),
        }
    }

    /// The reasons as JSON where answers carry them; `null` where there are no profiles.
    pub(super) fn reasons_in_answer(
        &mut self,
        judgement: Judgement,
        adjusted: &[Adjusted<'_>],
    ) -> Option<String> {
        let wanted = self.artifact.schema.reasons.in_answer;
        (wanted && judgement.outcome != Outcome::Approve).then(|| {
            let mut compared = self.take_compared();
            let explained = self.compare(&mut compared, adjusted);
            let reasons = self.reasons(&compared, &explained, judgement, 0);
            self.compared = Some(compared);
            reasons
        })
    }

    /// What explanations need: built at the first, then taken from where it is kept.
    fn take_compared(&mut self) -> Box<Compared> {
        if let Some(compared) = self.compared.take() {
            return compared;
        }
        let artifact = &self.artifact;
        let imputed;
        let profiles = match &artifact.profiles {
            Some(profiles) => profiles,
            None => {
                imputed = Profiles::single(IMPUTED, artifact.preprocessing.imputed.clone());
                &imputed
            }
        };
        let predictor = &mut self.predictor;
        let compared = Compared::new(&artifact.schema, &artifact.model, predictor, profiles);
        Box::new(compared)
    }

    /// Compares the application that was evaluated last.
    fn compare(&self, compared: &mut Compared, adjusted: &[Adjusted<'_>]) -> Explained {
        let model = &self.artifact.model;
        let contributions = compared.explainer.contributions(model, &self.row);
        let inputs = self.inputs.iter().zip(&self.row).enumerate();
        let mut cases: Vec<When> = inputs
            .map(|(input, (feature, value))| compared.case(model, input, feature, *value))
            .collect();
        for one in adjusted {
            match one.adjustment {
                Adjustment::Missing(_) => cases[one.input] = When::Missing,
                Adjustment::OutOfRange(_) => cases[one.input] = When::Clamped,
                Adjustment::Unknown(_) | Adjustment::Mismatch(_) => {}
            }
        }
        Explained {
            contributions,
            cases,
        }
    }

    /// The reasons as a JSON array; `null` where there are none for want of profiles.
    fn reasons(
        &self,
        compared: &Compared,
        explained: &Explained,
        judgement: Judgement,
        language: usize,
    ) -> String {
        if judgement.outcome == Outcome::Approve {
            return "[]".into();
        }
        let rules = self.deciding_rules(judgement.outcome);
        let artifact = &self.artifact;
        let most = artifact.schema.reasons.max as usize;
        let by_rules_alone = judgement.score == Outcome::Approve;
        if !by_rules_alone && artifact.profiles.is_none() {
            return "null".into();
        }
        let left = if by_rules_alone {
            0
        } else {
            most.saturating_sub(rules.len())
        };
        let mut factors = Vec::new();
        if left > 0 {
            factors = compared.reasons(
                &artifact.schema,
                &self.inputs,
                [&self.row, &explained.contributions],
                &explained.cases,
                (left, language),
            );
        }
        written(|json| {
            let rules = rules.iter().take(most).map(|&rule| (Some(rule), None));
            let factors = factors.iter().map(|factor| (None, Some(factor)));
            json.array(rules.chain(factors), |json, reason| match reason {
                (Some(rule), _) => self.write_rule(json, rule, language),
                (None, Some(factor)) => write_factor(json, factor),
                (None, None) => {}
            });
        })
    }

    /// The rules that said what was decided, in the order of the policy, each code once.
    fn deciding_rules(&self, outcome: Outcome) -> Vec<usize> {
        let mut deciding: Vec<usize> = Vec::new();
        let Some(policy) = &self.artifact.policy else {
            return deciding;
        };
        for matched in self.matched_outcomes() {
            let code = &policy.rules[matched.rule].code;
            let known = |rule: &usize| policy.rules[*rule].code == *code;
            if matched.outcome == outcome && !deciding.iter().any(known) {
                deciding.push(matched.rule);
            }
        }
        deciding
    }

    fn write_rule(&self, json: &mut Writer<'_>, rule: usize, language: usize) {
        let Some(policy) = &self.artifact.policy else {
            return;
        };
        let (rule, features) = (&policy.rules[rule], &self.artifact.schema.features);
        let fields = rule.when.fields();
        // The probability comes after the features.
        let names = fields
            .iter()
            .filter_map(|field| features.get(usize::from(*field)));
        let text = rule.text.0.get(language).map_or("", String::as_str);
        json.object(|json| {
            json.key("code").text(&rule.code);
            json.key("text").text(text);
            json.key("features")
                .array(names, |json, feature| json.text(&feature.name));
            json.key("share").raw("null");
        });
    }

    fn write_explanation(
        &mut self,
        question: &Question<'_>,
        judgement: Judgement,
        adjusted: &[Adjusted<'_>],
        out: &mut Vec<u8>,
    ) {
        let mut compared = self.take_compared();
        let explained = self.compare(&mut compared, adjusted);
        let in_answer = (self.artifact.schema.reasons.in_answer
            && judgement.outcome != Outcome::Approve)
            .then(|| self.reasons(&compared, &explained, judgement, 0));
        let mut decision = Vec::new();
        self.write_answer(judgement, adjusted, in_answer.as_deref(), &mut decision);
        let reasons = self.reasons(&compared, &explained, judgement, question.language);
        let margin = self.predictor.margin_row(&self.row);
        let link = self.artifact.model.link();
        Writer::new(out).object(|json| {
            json.key("decision")
                .raw(str::from_utf8(&decision).unwrap_or("null"));
            json.key("scale").text(match link {
                Link::Logistic => "log_odds",
                Link::Identity => "mean",
            });
            json.key("margin").number(margin);
            json.key("margin_threshold")
                .number(self.margin_threshold(link));
            json.key("base").number(compared.explainer.base());
            json.key("compared_with").object(|json| {
                json.key("name").text(&compared.name);
                json.key("digest").text(&compared.digest);
                json.key("profiles").integer(compared.count as u64);
            });
            let inputs = self
                .inputs
                .iter()
                .zip(&self.row)
                .zip(&explained.contributions);
            json.key("contributions")
                .array(inputs, |json, ((feature, value), part)| {
                    json.object(|json| {
                        json.key("feature").text(&feature.name);
                        write_value(json.key("value"), feature, *value);
                        json.key("contribution").number(*part);
                    });
                });
            json.key("reasons").raw(&reasons);
            if reasons == "null" {
                json.key("note").text(NO_PROFILES);
            }
        });
        self.compared = Some(compared);
    }

    /// The margin from which the score approves; not finite where every margin does, or none.
    fn margin_threshold(&self, link: Link) -> f64 {
        let band = self
            .artifact
            .policy
            .as_ref()
            .and_then(|policy| policy.refer);
        let threshold = band.map_or(self.artifact.threshold, |band| band.to);
        link.inverse(self.artifact.calibration.inverse(threshold))
    }
}

fn write_factor(json: &mut Writer<'_>, factor: &Factor<'_>) {
    json.object(|json| {
        json.key("code").text(factor.code);
        json.key("text").text(factor.text);
        json.key("features")
            .array(&factor.features, |json, feature| json.text(feature));
        json.key("share").number(factor.share);
    });
}
