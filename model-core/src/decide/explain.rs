//! Why a decision came out as it did: the contract is `docs/reference/explanations.md`.

use super::answer::write_value;
use super::problem::{self, Problem};
use super::request::{self, MAX_REQUEST};
use super::{Adjusted, Decider, Judgement};
use crate::json::{JsonKind, Raw, Writer};
use crate::link::Link;
use crate::literal::joined;
use crate::policy::Outcome;
use crate::preprocess::Adjustment;
use crate::reasons::{Chosen, Compared, Profiles, choose};
use crate::schema::{Feature, Schema, When};

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
        if let Some(key) = request::repeated(object) {
            return Err(Problem::duplicate(&key));
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
            joined(&mut languages.iter().map(String::as_str))
        );
        Problem::in_question("language", message)
    })
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
        match self.evaluated(question.application) {
            Ok((judgement, adjusted)) => {
                let compared = self.take_compared();
                self.write_explanation(&compared, question.language, judgement, &adjusted, out);
                self.compared = Some(compared);
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
            let compared = self.take_compared();
            let contributions = self.contributions(&compared);
            let reasons = self.reasons(&compared, &contributions, adjusted, judgement, 0);
            self.compared = Some(compared);
            reasons
        })
    }

    /// What explanations need: built at the first, then taken from where it is kept.
    #[inline(never)]
    fn take_compared(&mut self) -> Box<Compared> {
        if let Some(compared) = self.compared.take() {
            return compared;
        }
        let artifact = &self.artifact;
        let imputed = Profiles::single(IMPUTED, artifact.preprocessing.imputed.clone());
        let profiles = artifact.profiles.as_ref().unwrap_or(&imputed);
        let predictor = &mut self.predictor;
        let compared = Compared::new(&artifact.schema, &artifact.model, predictor, profiles);
        Box::new(compared)
    }

    /// Of the application that was evaluated last.
    fn contributions(&self, compared: &Compared) -> Vec<f64> {
        let model = &self.artifact.model;
        compared.explainer.contributions(model, &self.row)
    }

    /// The reasons as a JSON array; `null` where there are none for want of profiles.
    #[inline(never)]
    fn reasons(
        &self,
        compared: &Compared,
        contributions: &[f64],
        adjusted: &[Adjusted<'_>],
        judgement: Judgement,
        language: usize,
    ) -> String {
        let artifact = &self.artifact;
        let reasons = &artifact.schema.reasons;
        let mut left = reasons.max as usize;
        let by_rules_alone = judgement.score == Outcome::Approve;
        let refused = judgement.outcome != Outcome::Approve;
        if refused && !by_rules_alone && artifact.profiles.is_none() {
            return "null".into();
        }
        let mut out = vec![b'['];
        let mut json = Writer::new(&mut out);
        if refused {
            self.write_rules(&mut json, judgement.outcome, language, &mut left);
        }
        if refused && !by_rules_alone && left > 0 {
            for chosen in choose(&compared.owners, contributions, &reasons.inquiries, left) {
                let case = self.case(compared, adjusted, chosen.worst);
                self.write_factor(&mut json, compared, contributions, &chosen, case, language);
            }
        }
        out.push(b']');
        String::from_utf8(out).unwrap_or_default()
    }

    /// The rules that said what was decided, in the order of the policy, each code once.
    fn write_rules(
        &self,
        json: &mut Writer<'_>,
        outcome: Outcome,
        language: usize,
        left: &mut usize,
    ) {
        let Some(policy) = &self.artifact.policy else {
            return;
        };
        let mut said: Vec<&str> = Vec::new();
        for matched in self.matched_outcomes() {
            let rule = &policy.rules[matched.rule];
            let code = rule.code.as_str();
            if matched.outcome != outcome || said.contains(&code) || *left == 0 {
                continue;
            }
            said.push(code);
            *left -= 1;
            let mut names = Vec::new();
            for field in rule.when.fields() {
                // The probability comes after the features.
                if let Some(feature) = self.artifact.schema.features.get(usize::from(field)) {
                    names.push(feature.name.as_str());
                }
            }
            let text = rule.text.0.get(language).map_or("", String::as_str);
            write_reason(json, code, text, &names, f64::NAN);
        }
    }

    /// In which case an input of the last application is. What a policy put in the place of a
    /// value is nothing that the applicant said.
    fn case(&self, compared: &Compared, adjusted: &[Adjusted<'_>], input: usize) -> When {
        // As rules see it: so is what was computed from something that is missing.
        let seen = self.rule_values.features();
        if seen[self.fields.index_of_input(input)].is_nan() {
            return When::Missing;
        }
        for one in adjusted {
            match one.adjustment {
                Adjustment::OutOfRange(_) if one.input == input => return When::Clamped,
                Adjustment::Unknown(_) if one.input == input => return When::Always,
                _ => {}
            }
        }
        let model = &self.artifact.model;
        compared.case(model, input, self.feature(input), self.row[input])
    }

    fn write_factor(
        &self,
        json: &mut Writer<'_>,
        compared: &Compared,
        contributions: &[f64],
        chosen: &Chosen,
        case: When,
        language: usize,
    ) {
        let mut names = Vec::new();
        for (input, owner) in compared.owners.iter().enumerate() {
            if *owner == chosen.owner && contributions[input] < 0.0 {
                names.push(self.feature(input).name.as_str());
            }
        }
        let reasons = &self.artifact.schema.reasons;
        let worst = self.feature(chosen.worst);
        let variant = (reasons.variant(chosen.owner, case))
            .or_else(|| reasons.variant(chosen.owner, When::Always));
        let (code, text) = match variant {
            Some(variant) => {
                let text = variant.text.0.get(language).map_or("", String::as_str);
                (variant.code.as_str(), text)
            }
            None => (worst.name.as_str(), label(worst, language)),
        };
        write_reason(json, code, text, &names, chosen.share);
    }

    #[inline(never)]
    fn write_explanation(
        &self,
        compared: &Compared,
        language: usize,
        judgement: Judgement,
        adjusted: &[Adjusted<'_>],
        out: &mut Vec<u8>,
    ) {
        let contributions = self.contributions(compared);
        let in_answer = (self.artifact.schema.reasons.in_answer
            && judgement.outcome != Outcome::Approve)
            .then(|| self.reasons(compared, &contributions, adjusted, judgement, 0));
        let mut decision = Vec::new();
        self.write_answer(judgement, adjusted, in_answer.as_deref(), &mut decision);
        let reasons = self.reasons(compared, &contributions, adjusted, judgement, language);
        let margin = self.predictor.last_margin();
        let link = self.artifact.model.link();
        let profiles = self.artifact.profiles.as_ref();
        let mut json = Writer::new(out);
        json.object(|json| {
            json.key("decision")
                .raw(str::from_utf8(&decision).unwrap_or("null"));
            json.key("scale").text(match link {
                Link::Logistic | Link::Sigmoid => "log_odds",
                Link::Identity => "mean",
            });
            json.key("margin").number(margin);
            json.key("margin_threshold")
                .number(self.margin_threshold(link));
            json.key("base").number(compared.explainer.base());
            json.key("compared_with").object(|json| {
                json.key("name")
                    .text(profiles.map_or(IMPUTED, |profiles| &profiles.name));
                json.key("digest").text(&compared.digest);
                json.key("profiles")
                    .integer(profiles.map_or(1, |profiles| profiles.weights.len() as u64));
            });
            json.key("contributions").array(
                contributions.iter().enumerate(),
                |json, (input, part)| {
                    let feature = self.feature(input);
                    json.object(|json| {
                        json.key("feature").text(&feature.name);
                        write_value(json.key("value"), feature, self.row[input]);
                        json.key("contribution").number(*part);
                    });
                },
            );
            json.key("reasons").raw(&reasons);
            if reasons == "null" {
                json.key("note").text(NO_PROFILES);
            }
        });
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

/// What forms call a feature.
fn label(feature: &Feature, language: usize) -> &str {
    let translated = language.checked_sub(1).and_then(|nth| {
        let translation = feature.translations.get(nth)?;
        translation.label.as_deref()
    });
    translated.unwrap_or_else(|| feature.display_label())
}

/// A share that is NaN is `null`.
#[inline(never)]
fn write_reason(json: &mut Writer<'_>, code: &str, text: &str, features: &[&str], share: f64) {
    json.object(|json| {
        json.key("code").text(code);
        json.key("text").text(text);
        json.key("features")
            .array(features, |json, feature| json.text(feature));
        json.key("share").number(share);
    });
}
