//! Values of labels in metrics.

use std::fmt::{Error, Write};

use prometheus_client::encoding::{EncodeLabelValue, LabelValueEncoder};

/// A text of a model as the value of a label. Which characters it has is not ours to say: those that
/// would end the value are escaped, which the library does not do.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub(crate) struct LabelText(Box<str>);

impl<T: Into<Box<str>>> From<T> for LabelText {
    fn from(text: T) -> Self {
        Self(text.into())
    }
}

impl EncodeLabelValue for LabelText {
    fn encode(&self, encoder: &mut LabelValueEncoder<'_>) -> Result<(), Error> {
        for part in self.0.split_inclusive(['\\', '"', '\n']) {
            let plain = part.trim_end_matches(['\\', '"', '\n']);
            encoder.write_str(plain)?;
            match part.as_bytes().get(plain.len()) {
                None => {}
                Some(b'\n') => encoder.write_str("\\n")?,
                Some(_) => {
                    encoder.write_char('\\')?;
                    encoder.write_str(&part[plain.len()..])?;
                }
            }
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use prometheus_client::encoding::EncodeLabelSet;
    use prometheus_client::encoding::text::encode;
    use prometheus_client::metrics::family::Family;
    use prometheus_client::metrics::gauge::Gauge;
    use prometheus_client::registry::Registry;

    use super::*;

    #[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
    struct Labels {
        label: LabelText,
    }

    fn check(label: &str, expected: &str) {
        let mut registry = Registry::default();
        let family = Family::<Labels, Gauge>::default();
        registry.register("decisions", "Decisions", family.clone());
        let label = label.into();
        family.get_or_create(&Labels { label }).set(5);
        let mut text = String::new();
        assert!(encode(&mut text, &registry).is_ok());
        let sample = format!("decisions{{label=\"{expected}\"}} 5");
        assert!(text.lines().any(|line| line == sample), "{text}");
    }

    /// One label with a quotation mark once made all metrics of a server unreadable.
    #[test]
    fn a_text_ends_where_it_ends() {
        check("approved", "approved");
        check("", "");
        check(r#"Approved ("A" rate)"#, r#"Approved (\"A\" rate)"#);
        check(r#"A"} 5 # {x="y"#, r#"A\"} 5 # {x=\"y"#);
        check("C:\\\\D\n", "C:\\\\\\\\D\\n");
    }
}
