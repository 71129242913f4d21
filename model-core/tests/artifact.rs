//! The artifact: what was written is read, anything else is refused with a sentence.
#![allow(clippy::unwrap_used, reason = "tests fail by panicking")]

mod common;

use common::{
    EVERYTHING, binned, constant, decide, ensemble, forest, isotonic, linear, linear_of, natively,
    platt, request,
};
use model_core::artifact::{Artifact, ArtifactError, FORMAT, MAX_PAYLOAD, digests, hex};
use model_core::calibration::{Calibration, MAX_KNOTS};
use model_core::decide::Decider;
use model_core::details::{Details, ThresholdRule};
use model_core::forest::Node;
use model_core::model::Model;
use model_core::schema::{Missing, Monotonic, TargetKind};
use rand::{Rng, SeedableRng};
use rand_chacha::ChaCha8Rng;
use sha2::{Digest, Sha256};

const HEADER: usize = 52;

fn samples() -> [Artifact; 7] {
    [
        linear(EVERYTHING),
        forest(EVERYTHING),
        constant(include_str!("../../data/loan.toml"), 0.3),
        isotonic(forest(&natively())),
        binned(&natively()),
        platt(ensemble(&natively())),
        with_details(platt(linear(EVERYTHING))),
    ]
}

fn details() -> Details {
    Details {
        threshold_rule: ThresholdRule::Cost {
            false_positive: 5.0,
            false_negative: 1.0,
        },
        monotonic: vec![
            ("income".into(), Monotonic::Increasing),
            ("rate".into(), Monotonic::Decreasing),
        ],
        config: "[train]\nseed = 7\n".into(),
        protected_inputs: vec!["gender".into()],
        reference: vec![0, 255, 7],
    }
}

fn with_details(artifact: Artifact) -> Artifact {
    Artifact {
        details: details().to_bytes().unwrap(),
        ..artifact
    }
}

fn refused(bytes: &[u8]) -> String {
    Artifact::decode(bytes).unwrap_err().to_string()
}

/// One number for the kind of target, so that artifacts from before `positive = false` mean
/// what they meant.
#[test]
fn the_positive_outcome_of_the_target_is_kept() {
    let check = |kind: TargetKind, number: u8| {
        let mut artifact = constant(include_str!("../../data/points.toml"), 0.3);
        artifact.schema.target.kind = kind;
        // The column's name stands once.
        artifact.schema.target.outcomes = None;
        let bytes = artifact.encode().unwrap();
        assert_eq!(Artifact::decode(&bytes).unwrap(), artifact);
        let name = artifact.schema.target.name.as_bytes();
        let at = bytes.windows(name.len()).rposition(|text| text == name);
        assert_eq!(bytes[at.unwrap() + name.len()], number);
    };
    check(TargetKind::Boolean { positive: true }, 0);
    check(TargetKind::Boolean { positive: false }, 2);
    let (positive, negative) = ("paid".into(), "lost".into());
    check(TargetKind::Category { positive, negative }, 1);
}

#[test]
fn what_was_encoded_is_decoded() {
    for artifact in samples() {
        let bytes = artifact.encode().unwrap();
        assert_eq!(Artifact::decode(&bytes).unwrap(), artifact);
        assert_eq!(artifact.encode().unwrap(), bytes);
    }
}

/// As `docs/reference/artifact-format.md` lays it out.
#[test]
fn the_header_is_as_documented() {
    let bytes = linear(EVERYTHING).encode().unwrap();
    let (header, payload) = bytes.split_at(HEADER);
    assert_eq!(&header[..8], b"UWMODEL\0");
    assert_eq!(header[8..12], 3u32.to_le_bytes());
    assert_eq!(header[12..20], (payload.len() as u64).to_le_bytes());
    assert_eq!(header[20..], list_digest(payload).unwrap());
    let (tag, section) = parts(payload).unwrap()[0];
    assert_eq!(tag, b"MODL");
    let digest = format!("sha256:{}", hex(&Sha256::digest(section)));
    assert_eq!(Decider::load(&bytes).unwrap().digest(), digest);
}

/// Tags with bytes that can be changed.
type Sections<'a> = Vec<(&'a [u8], Vec<u8>)>;

/// The parts of a list: each a tag, a length and bytes.
fn parts(mut list: &[u8]) -> Option<Vec<(&[u8], &[u8])>> {
    let mut parts = Vec::new();
    while !list.is_empty() {
        let (head, rest) = list.split_at_checked(12)?;
        let length = u64::from_le_bytes(head[4..].try_into().ok()?);
        let (bytes, rest) = rest.split_at_checked(usize::try_from(length).ok()?)?;
        parts.push((&head[..4], bytes));
        list = rest;
    }
    Some(parts)
}

/// The digest of a list: of each part's tag, length and digest.
fn list_digest(list: &[u8]) -> Option<[u8; 32]> {
    let mut digest = Sha256::new();
    for (tag, bytes) in parts(list)? {
        digest.update(tag);
        digest.update((bytes.len() as u64).to_le_bytes());
        digest.update(Sha256::digest(bytes));
    }
    Some(digest.finalize().into())
}

/// A list of parts.
fn list(parts: &[(&[u8], &[u8])]) -> Vec<u8> {
    let mut bytes = Vec::new();
    for (tag, content) in parts {
        bytes.extend_from_slice(tag);
        bytes.extend_from_slice(&(content.len() as u64).to_le_bytes());
        bytes.extend_from_slice(content);
    }
    bytes
}

#[test]
fn unknown_parts_are_skipped_unless_decisions_depend_on_them() {
    let plain = linear(EVERYTHING).encode().unwrap();
    let with = |change: &dyn Fn(&mut Sections<'_>)| {
        let mut sections: Sections<'_> = (parts(&plain[HEADER..]).unwrap().into_iter())
            .map(|(tag, bytes)| (tag, bytes.to_vec()))
            .collect();
        change(&mut sections);
        let borrowed: Vec<(&[u8], &[u8])> = sections
            .iter()
            .map(|(tag, bytes)| (*tag, &bytes[..]))
            .collect();
        let mut bytes = plain[..HEADER].to_vec();
        bytes.extend_from_slice(&list(&borrowed));
        sealed(bytes)
    };
    let later = with(&|sections| sections.push((b"newe", vec![1, 2, 3])));
    let field = with(&|sections| sections[1].1.extend(list(&[(b"more", b"?")])));
    for skipped in [&later, &field] {
        assert_eq!(Artifact::decode(skipped).unwrap(), linear(EVERYTHING));
        assert_eq!(
            digests(skipped).unwrap().model,
            digests(&plain).unwrap().model
        );
    }
    let needed = |tag: &str| {
        format!(
            "the artifact holds a part '{tag}' that decisions depend on and that this program does not know: use a newer underwrite"
        )
    };
    let later = with(&|sections| sections.push((b"Newe", vec![1, 2, 3])));
    assert_eq!(refused(&later), needed("Newe"));
    let field = with(&|sections| sections[0].1.extend(list(&[(b"MORE", b"?")])));
    assert_eq!(refused(&field), needed("MORE"));
    let twice = with(&|sections| sections.push(sections[0].clone()));
    assert_eq!(
        refused(&twice),
        "the artifact's payload cannot be read: part 'MODL' stands twice"
    );
    let missing = with(&|sections| drop(sections.remove(1)));
    assert_eq!(
        refused(&missing),
        "the artifact's payload cannot be read: part 'dets' is missing"
    );
}

/// A linear part needs trees beside it, indicators a linear model.
#[test]
fn fields_of_another_kind_of_model_are_refused() {
    let whole = ensemble(EVERYTHING).encode().unwrap();
    let check = |other: Artifact, tag: &[u8], expected: &str| {
        let other = other.encode().unwrap();
        let field = |&&(found, _): &&(&[u8], &[u8])| found == tag;
        let model = parts(parts(&whole[HEADER..]).unwrap()[0].1).unwrap();
        let added = *model.iter().find(field).unwrap();
        let mut sections = parts(&other[HEADER..]).unwrap();
        let model = [sections[0].1, &list(&[added])].concat();
        sections[0].1 = &model;
        let bytes = [&other[..HEADER], &list(&sections)].concat();
        assert_eq!(
            refused(&sealed(bytes)),
            format!("the artifact contradicts itself: {expected}")
        );
    };
    let trees = "a linear part without trees";
    check(linear(EVERYTHING), b"LINR", trees);
    let sum = "indicators without a linear model";
    check(forest(EVERYTHING), b"INDI", sum);
}

#[test]
fn details_travel_with_the_artifact() {
    let read = |artifact: Artifact| {
        let bytes = artifact.encode().unwrap();
        Details::from_artifact(&Artifact::decode(&bytes).unwrap())
    };
    assert_eq!(read(with_details(forest(EVERYTHING))), Ok(details()));
    assert_eq!(read(forest(EVERYTHING)), Ok(Details::default()));
    let mut broken = with_details(forest(EVERYTHING));
    broken.details.push(0);
    let error = read(broken).unwrap_err().to_string();
    assert!(error.contains("bytes left over"), "{error}");
    let mut broken = with_details(forest(EVERYTHING));
    broken.details.truncate(9);
    assert!(read(broken).is_err());
}

/// A leaf that an `f32` holds takes 4 bytes less, and every bit of either kind survives.
#[test]
fn leaves_survive_to_the_bit() {
    let with_leaf = |leaf: f64| {
        let mut artifact = forest(EVERYTHING);
        if let Model::Forest(forest) = &mut artifact.model
            && let Node::Leaf { value, .. } = &mut forest.trees[0].nodes[1]
        {
            *value = leaf;
        }
        let bytes = artifact.encode().unwrap();
        assert_eq!(Artifact::decode(&bytes).unwrap(), artifact);
        bytes.len()
    };
    let short = with_leaf(0.5);
    for leaf in [
        f64::from(0.1f32),
        -0.0,
        0.0,
        f64::from(f32::MIN_POSITIVE),
        f64::from(f32::MIN),
    ] {
        assert_eq!(with_leaf(leaf), short, "{leaf}");
    }
    for leaf in [0.1, 1e300, -1e39, f64::MIN_POSITIVE, 0.5f64.next_up()] {
        assert_eq!(with_leaf(leaf), short + 4, "{leaf}");
    }
}

#[test]
fn every_truncation_is_refused() {
    for artifact in samples() {
        let bytes = artifact.encode().unwrap();
        for length in 0..bytes.len() {
            let expected = match length {
                0..8 => "not an underwrite artifact: expected it to begin with UWMODEL".to_owned(),
                8..HEADER => format!(
                    "the artifact has {length} bytes, its header alone has 52: it is cut off"
                ),
                _ => format!(
                    "the artifact has {} bytes of payload, its header says {}: it is cut off or was added to",
                    length - HEADER,
                    bytes.len() - HEADER
                ),
            };
            assert_eq!(refused(&bytes[..length]), expected);
        }
    }
}

#[test]
fn every_flipped_byte_is_refused() {
    for artifact in samples() {
        let bytes = artifact.encode().unwrap();
        for at in 0..bytes.len() {
            for flip in [0x01, 0x80, 0xff] {
                let mut altered = bytes.clone();
                altered[at] ^= flip;
                let found = Artifact::decode(&altered).unwrap_err();
                let right = match at {
                    0..8 => matches!(found, ArtifactError::Magic),
                    // Another format that there is has another digest.
                    8..12 => matches!(found, ArtifactError::Format { .. } | ArtifactError::Digest),
                    12..20 => matches!(found, ArtifactError::Length { .. }),
                    // A list whose parts cannot be told apart has no digest.
                    _ => matches!(found, ArtifactError::Digest | ArtifactError::Payload(_)),
                };
                assert!(right, "byte {at}: {found}");
            }
        }
    }
}

#[test]
fn what_is_added_is_refused() {
    let mut bytes = linear(EVERYTHING).encode().unwrap();
    let payload = bytes.len() - HEADER;
    bytes.push(0);
    let expected = format!(
        "the artifact has {} bytes of payload, its header says {payload}: it is cut off or was added to",
        payload + 1
    );
    assert_eq!(refused(&bytes), expected);
    let expected = "the artifact's payload cannot be read: a part of it is truncated";
    assert_eq!(refused(&sealed(bytes)), expected);
}

#[test]
fn another_format_names_both() {
    let check = |format: u32, expected: &str| {
        let mut bytes = linear(EVERYTHING).encode().unwrap();
        bytes[8..12].copy_from_slice(&format.to_le_bytes());
        assert_eq!(refused(&bytes), expected);
    };
    assert_eq!(FORMAT, 3);
    check(
        4,
        "the artifact is of format 4, this program reads formats 1 to 3: use a newer underwrite",
    );
    check(
        u32::MAX,
        "the artifact is of format 4294967295, this program reads formats 1 to 3: use a newer underwrite",
    );
}

#[test]
fn a_payload_that_is_too_large_is_refused() {
    let mut bytes = linear(EVERYTHING).encode().unwrap();
    bytes.resize(HEADER + MAX_PAYLOAD + 1, 0);
    let expected = "the artifact's payload has 67108865 bytes, at most 67108864 are allowed: train a smaller model";
    assert_eq!(refused(&sealed(bytes)), expected);
}

/// Length and digest made right for whatever the payload is.
fn sealed(mut bytes: Vec<u8>) -> Vec<u8> {
    let length = (bytes.len() - HEADER) as u64;
    let digest = list_digest(&bytes[HEADER..]).unwrap_or_default();
    bytes[12..20].copy_from_slice(&length.to_le_bytes());
    bytes[20..HEADER].copy_from_slice(&digest);
    bytes
}

/// Right digest, wrong content: an error, or a model that decides without NaN; never a
/// panic, never memory for what is not there.
#[test]
fn hostile_payloads_are_refused_or_sound() {
    let mut random = ChaCha8Rng::seed_from_u64(5);
    let (mut read, mut unread) = (0, 0);
    for artifact in samples() {
        let bytes = artifact.encode().unwrap();
        for _ in 0..2000 {
            let mut payload = bytes.clone();
            for _ in 0..random.random_range(1..4) {
                mutate(&mut payload, &mut random);
            }
            let mutated = sealed(payload);
            match Decider::load(&mutated) {
                Err(_) => unread += 1,
                Ok(mut model) => {
                    read += 1;
                    is_sound(&mut model);
                }
            }
        }
    }
    assert!(read > 100 && unread > 100, "{read} read, {unread} refused");
}

fn mutate(bytes: &mut Vec<u8>, random: &mut ChaCha8Rng) {
    // The varint codes of bincode, and lengths that nobody has memory for.
    const PIECES: [&[u8]; 6] = [
        &[0xff; 8],
        &[0xfb, 0xff, 0xff],
        &[0xfc, 0xff, 0xff, 0xff, 0x7f],
        &[0xfd, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff],
        &[0, 0, 0, 0, 0, 0, 0xf0, 0x7f],
        &[0],
    ];
    let at = random.random_range(HEADER..bytes.len());
    match random.random_range(0..5) {
        0 => bytes[at] ^= 1 << random.random_range(0..8),
        1 => bytes[at] = random.random(),
        2 => bytes[at] = bytes[at].wrapping_add(1),
        3 => {
            let piece = PIECES[random.random_range(0..PIECES.len())];
            let end = (at + piece.len()).min(bytes.len());
            bytes.splice(at..end, piece.iter().copied());
        }
        _ => bytes.truncate(at + 1),
    }
}

fn is_sound(model: &mut Decider) {
    let again = Artifact::decode(&model.artifact().encode().unwrap()).unwrap();
    assert_eq!(again.encode().unwrap(), model.artifact().encode().unwrap());
    let mut description = Vec::new();
    model.describe(&mut description);
    serde_json::from_slice::<serde_json::Value>(&description).unwrap();
    let (_, answer) = decide(model, request(&[]));
    assert!(
        serde_json::from_str::<serde_json::Value>(&answer).is_ok()
            && !answer.contains("\"probability\":null"),
        "{answer}"
    );
    let inputs = model.inputs();
    let mut out = [0.0; 3];
    model
        .batch(&[f64::NAN, 1e308, -1e308].repeat(inputs), &mut out)
        .unwrap();
    assert!(
        out.iter().all(|p| *p == -1.0 || (0.0..=1.0).contains(p)),
        "{out:?}"
    );
}

/// What the types allow but the rules do not: refused when written, and so when read.
#[test]
fn contradictions_are_refused() {
    let check = |change: fn(&mut Artifact), expected: &str| {
        let mut artifact = linear(EVERYTHING);
        change(&mut artifact);
        let error = artifact.encode().unwrap_err().to_string();
        assert_eq!(
            error,
            format!("the artifact contradicts itself: {expected}")
        );
    };
    fn terms(artifact: &mut Artifact) -> &mut Vec<model_core::model::Term> {
        &mut linear_of(artifact).unwrap().terms
    }
    check(
        |a| a.threshold = f64::NAN,
        "the threshold is NaN, expected 0 to 1",
    );
    check(
        |a| a.threshold = 1.5,
        "the threshold is 1.5, expected 0 to 1",
    );
    fn isotonic(artifact: &mut Artifact, from: &[f64], to: &[f64]) {
        let (from, to) = (from.to_vec(), to.to_vec());
        artifact.calibration = Calibration::Isotonic { from, to };
    }
    fn platt(artifact: &mut Artifact, slope: f64, intercept: f64) {
        artifact.calibration = Calibration::Platt { slope, intercept };
    }
    let no_map = "the calibration is not a map of probabilities that never falls";
    check(|a| isotonic(a, &[], &[]), no_map);
    check(|a| isotonic(a, &[0.1, 0.2], &[0.1]), no_map);
    check(|a| isotonic(a, &[0.2, 0.2], &[0.1, 0.3]), no_map);
    check(|a| isotonic(a, &[0.2, 0.1], &[0.1, 0.3]), no_map);
    check(|a| isotonic(a, &[0.1, 0.2], &[0.3, 0.1]), no_map);
    check(|a| isotonic(a, &[0.1, f64::NAN], &[0.1, 0.2]), no_map);
    check(|a| isotonic(a, &[0.1, 0.2], &[0.1, 1.1]), no_map);
    check(|a| isotonic(a, &[-0.1, 0.2], &[0.1, 0.2]), no_map);
    check(
        |a| {
            let knots: Vec<f64> = (0..=MAX_KNOTS).map(|knot| knot as f64 / 1e3).collect();
            isotonic(a, &knots, &knots);
        },
        no_map,
    );
    check(|a| platt(a, -0.1, 0.0), no_map);
    check(|a| platt(a, f64::NAN, 0.0), no_map);
    check(|a| platt(a, 1.0, f64::INFINITY), no_map);
    check(
        |a| a.preprocessing.imputed.truncate(12),
        "expected 13 imputation values, one for each input, got 12",
    );
    check(
        |a| a.preprocessing.imputed[0] = -1.0,
        "feature 'income': -1 cannot be filled in, the feature itself refuses it",
    );
    check(
        |a| a.preprocessing.imputed[3] = f64::NAN,
        "feature 'wealth': NaN cannot be filled in, the feature itself refuses it",
    );
    check(
        |a| a.preprocessing.imputed[4] = 40.5,
        "feature 'age': 40.5 cannot be filled in, the feature itself refuses it",
    );
    check(
        |a| a.preprocessing.imputed[10] = 3.0,
        "feature 'grade': 3 cannot be filled in, the feature itself refuses it",
    );
    check(
        |a| terms(a)[0].feature = 13,
        "a term names input 13, there are 13",
    );
    check(
        |a| terms(a)[0].scale = 0.0,
        "feature 'income': mean must be finite, scale above 0, weight within ±1e100",
    );
    check(
        |a| terms(a)[0].weight = 1e101,
        "feature 'income': mean must be finite, scale above 0, weight within ±1e100",
    );
    check(
        |a| terms(a).last_mut().unwrap().value = model_core::model::TermValue::IsCategory(3),
        "feature 'region' has no category 3",
    );
    check(
        |a| a.schema.name = String::new(),
        "name: expected 1 to 64 lower-case letters, digits and hyphens, got ''",
    );
    check(
        |a| a.schema.features[1].missing = Missing::MostFrequent,
        "feature 'rate', missing: expected one of error, impute, zero, native for this type, got most_frequent",
    );
    check(
        |a| a.schema.features.truncate(13),
        "expected 12 imputation values, one for each input, got 13",
    );
    check(
        |a| a.model = forest(include_str!("../../data/points.toml")).model,
        "the forest has 5 features, the schema 13 inputs",
    );
}
