//! `points_sample.csv`: applicants of a branch that rates every application with points,
//! all invented.

use super::random::Random;

const HEADER: &str =
    "name,city,income,credit_score,loan_amount,years_employed,points,loan_approved";

/// "POIN" in ASCII.
const SEED: u64 = 0x504f_494e;
const FIRST_NAMES: [&str; 32] = [
    "Ada", "Amir", "Ana", "Ben", "Carla", "Chen", "Dara", "Diego", "Elif", "Emma", "Farid",
    "Grace", "Hana", "Ivan", "Jonas", "Kofi", "Lena", "Leo", "Mara", "Mei", "Nadia", "Noah",
    "Olga", "Omar", "Priya", "Rosa", "Sam", "Sven", "Tara", "Tomas", "Yuki", "Zoe",
];
const LAST_NAMES: [&str; 32] = [
    "Abara", "Adler", "Bianchi", "Brandt", "Castro", "Cole", "Dahl", "Duarte", "Egan", "Farkas",
    "Grant", "Haddad", "Hill", "Ito", "Jansen", "Kaya", "Keller", "Lund", "Mbeki", "Moreau",
    "Nagy", "Novak", "Okoye", "Park", "Quinn", "Rao", "Silva", "Stone", "Tanaka", "Vogel", "Wood",
    "Young",
];
const PLACE_STARTS: [&str; 12] = [
    "Alder", "Birch", "Copper", "Elm", "Falcon", "Harbor", "Juniper", "Lark", "Maple", "Otter",
    "Quarry", "Willow",
];
const PLACE_ENDS: [&str; 5] = ["brook", "dale", "ford", "haven", "wick"];

/// The whole file: a header and `rows` lines.
pub(super) fn csv(rows: usize) -> String {
    let mut random = Random::new(SEED);
    let mut text = HEADER.to_owned() + "\n";
    for _ in 0..rows {
        text += &line(&mut random);
    }
    text
}

fn line(random: &mut Random) -> String {
    let name = format!(
        "{} {}",
        one_of(&FIRST_NAMES, random),
        one_of(&LAST_NAMES, random)
    );
    let city = format!(
        "{}{}",
        one_of(&PLACE_STARTS, random),
        one_of(&PLACE_ENDS, random)
    );
    let years = (random.log_normal(6.5, 0.75) - 1.0)
        .floor()
        .clamp(0.0, 40.0);
    let income = random.log_normal(58_000.0, 0.45) * (1.0 + 0.012 * years);
    let income = income.round().clamp(12_000.0, 400_000.0);
    let score = (655.0 + 1.5 * years + 75.0 * random.normal())
        .round()
        .clamp(300.0, 850.0);
    let amount = random.log_normal(0.32, 0.55) * income;
    let amount = (amount / 100.0).round().clamp(10.0, 2_000.0) * 100.0;

    // The branch's points leave out the burden, which the decision then weighs.
    let merit = 0.011 * (score - 660.0) + 0.8 * (income / 62_000.0 - 1.0) + 0.05 * (years - 6.0);
    let points = (50.0 + 14.0 * merit + 9.0 * random.normal()).clamp(0.0, 100.0);
    let points = (10.0 * points).round() / 10.0;
    let wish = 0.11 * (points - 54.0) + 0.5 * merit - 3.0 * (amount / income - 0.36);
    let approved = (wish + 0.9 * random.normal() > 0.0) != random.chance(0.01);
    format!(
        "{name},{city},{income:.0},{score:.0},{amount:.0},{years:.0},{points:.1},{}\n",
        if approved { "True" } else { "False" },
    )
}

fn one_of<'a, const N: usize>(words: &[&'a str; N], random: &mut Random) -> &'a str {
    random.pick(words.map(|word| (word, 1.0)))
}
