//! `loan_sample.csv`: applicants for a personal loan, all invented.
//!
//! An applicant is made in the order in which life makes one: age, schooling, work, income
//! and home first, then the loan, then the credit report, then the lender's decision. Only
//! the size and shape of each column were chosen after a larger file of the same columns;
//! no row of it was used. Gender has no influence on anything.

use super::random::Random;

const HEADER: &str = "person_age,person_gender,person_education,person_income,person_emp_exp,\
    person_home_ownership,loan_amnt,loan_intent,loan_int_rate,loan_percent_income,\
    cb_person_cred_hist_length,credit_score,previous_loan_defaults_on_file,loan_status";

/// "LOAN" in ASCII.
const SEED: u64 = 0x4c4f_414e;
/// USD a year.
const MIDDLE_INCOME: f64 = 67_000.0;

/// The whole file: a header and `rows` lines.
pub(super) fn csv(rows: usize) -> String {
    let mut random = Random::new(SEED);
    let mut text = HEADER.to_owned() + "\n";
    for _ in 0..rows {
        let applicant = Applicant::new(&mut random);
        let approved = applicant.decide(&mut random);
        text += &applicant.line(approved, &mut random);
    }
    text
}

#[derive(Clone, Copy, PartialEq)]
enum Education {
    HighSchool,
    Associate,
    Bachelor,
    Master,
    Doctorate,
}

#[derive(Clone, Copy, PartialEq)]
enum Home {
    Rent,
    Mortgage,
    Own,
    Other,
}

#[derive(Clone, Copy, PartialEq)]
enum Intent {
    Education,
    Medical,
    Venture,
    Personal,
    DebtConsolidation,
    HomeImprovement,
}

struct Applicant {
    /// Years.
    age: f64,
    female: bool,
    education: Education,
    /// Years of paid work.
    experience: f64,
    /// USD a year, and its natural logarithm less that of `MIDDLE_INCOME`.
    income: f64,
    log_income: f64,
    home: Home,
    /// USD.
    amount: f64,
    intent: Intent,
    /// Amount / income, two decimals.
    burden: f64,
    /// Years.
    history: f64,
    score: f64,
    defaulted: bool,
    /// Percent a year, two decimals.
    rate: f64,
}

impl Applicant {
    fn new(random: &mut Random) -> Self {
        let age = (20.0 + random.log_normal(6.3, 0.67)).floor().min(80.0);
        let female = random.chance(0.45);
        let education = draw_education(age, random);
        let experience = draw_experience(age, education, random);
        let log_income =
            -0.18 + education.premium() + 0.012 * experience.min(25.0) + 0.52 * random.normal();
        let income = (MIDDLE_INCOME * libm::exp(log_income)).round().max(9_000.0);
        let home = draw_home(age, log_income, random);
        let intent = draw_intent(age, home, random);
        let amount = draw_amount(log_income, random).min((0.6 * income / 25.0).floor() * 25.0);
        let burden = (100.0 * amount / income).round() / 100.0;
        let history = (random.between(0.35, 0.75) * (age - 18.0)).round().max(2.0);
        let score = draw_score(age, education, random);
        let defaulted = random.chance((0.52 - 0.002 * (score - 632.0)).clamp(0.05, 0.95));
        let rate = 11.0 - 0.022 * (score - 632.0) + 6.0 * (burden - 0.14) + 2.4 * random.normal();
        let rate = (100.0 * rate.clamp(5.5, 20.0)).round() / 100.0;
        Self {
            age,
            female,
            education,
            experience,
            income,
            log_income,
            home,
            amount,
            intent,
            burden,
            history,
            score,
            defaulted,
            rate,
        }
    }

    /// The lender's decision. A default on file is a no, with hardly an exception. The rest
    /// depends on points and on noise, which stands for all that no column tells; one of
    /// these decisions in a hundred is turned over: the label noise.
    fn decide(&self, random: &mut Random) -> bool {
        let luck = 1.1 * random.normal();
        if self.defaulted {
            return random.chance(0.004);
        }
        let approved = self.score >= 520.0 && self.points() + luck > 0.70;
        approved != random.chance(0.01)
    }

    fn points(&self) -> f64 {
        self.affordability() + self.reputation() + self.price() + self.purpose()
    }

    /// A big share of the income is worse for a tenant, who pays rent as well.
    fn affordability(&self) -> f64 {
        let tenant = matches!(self.home, Home::Rent | Home::Other);
        let share = match self.burden {
            share if share <= 0.10 => 0.8,
            share if share <= 0.20 => 0.3,
            share if share <= 0.30 => {
                if tenant {
                    -1.8
                } else {
                    0.1
                }
            }
            _ => {
                if tenant {
                    -5.0
                } else {
                    -1.2
                }
            }
        };
        share + 1.2 * self.log_income.min(0.4) + if tenant { -0.4 } else { 0.3 }
    }

    /// The score, up to where it is good enough, then time at work and in the report.
    fn reputation(&self) -> f64 {
        let score = (0.022 * (self.score - 640.0)).min(0.9);
        score + 0.04 * self.experience.min(12.0) + 0.03 * self.history.min(12.0)
    }

    /// A high rate says that others saw a risk too.
    fn price(&self) -> f64 {
        let risky = if self.rate > 14.0 { -2.0 } else { 0.0 };
        risky - 0.16 * (self.rate - 11.0)
    }

    /// A new business needs an experienced founder; a home improvement, a home.
    fn purpose(&self) -> f64 {
        let owner = matches!(self.home, Home::Mortgage | Home::Own);
        match self.intent {
            Intent::Venture if self.experience < 6.0 => -1.2,
            Intent::Venture => 0.4,
            Intent::HomeImprovement if owner => 0.7,
            Intent::HomeImprovement => -0.6,
            Intent::DebtConsolidation => -0.4,
            Intent::Education => 0.3,
            Intent::Medical | Intent::Personal => 0.0,
        }
    }

    /// One line. Some cells stay empty, independently of everything else.
    fn line(&self, approved: bool, random: &mut Random) -> String {
        let mut unless_lost = |cell: String, p: f64| match random.chance(p) {
            true => String::new(),
            false => cell,
        };
        let education = unless_lost(self.education.word().into(), 0.02);
        let income = unless_lost(format!("{:.1}", self.income), 0.03);
        let experience = unless_lost(format!("{:.0}", self.experience), 0.02);
        let home = unless_lost(self.home.word().into(), 0.015);
        let rate = unless_lost(format!("{:?}", self.rate), 0.04);
        format!(
            "{:.1},{},{education},{income},{experience},{home},{:.1},{},{rate},{:?},{:.1},{:.0},{},{}\n",
            self.age,
            if self.female { "female" } else { "male" },
            self.amount,
            self.intent.word(),
            self.burden,
            self.history,
            self.score,
            if self.defaulted { "Yes" } else { "No" },
            u8::from(approved),
        )
    }
}

/// A degree takes time: nobody has one too young.
fn draw_education(age: f64, random: &mut Random) -> Education {
    let from = |years: f64, weight: f64| if age >= years { weight } else { 0.0 };
    random.pick([
        (Education::HighSchool, 0.26),
        (Education::Associate, 0.26),
        (Education::Bachelor, from(22.0, 0.31)),
        (Education::Master, from(24.0, 0.17)),
        (Education::Doctorate, from(27.0, 0.025)),
    ])
}

fn draw_experience(age: f64, education: Education, random: &mut Random) -> f64 {
    let start = education.first_job_age() + random.between(0.0, 4.0);
    (age - start).floor().max(0.0)
}

fn draw_home(age: f64, log_income: f64, random: &mut Random) -> Home {
    let settled = (0.40 + 0.30 * log_income + 0.008 * (age - 26.0)).clamp(0.08, 0.85);
    random.pick([
        (Home::Rent, 0.93 - settled),
        (Home::Mortgage, settled),
        (Home::Own, 0.065),
        (Home::Other, 0.004),
    ])
}

fn draw_intent(age: f64, home: Home, random: &mut Random) -> Intent {
    let owner = matches!(home, Home::Mortgage | Home::Own);
    random.pick([
        (Intent::Education, if age < 26.0 { 0.27 } else { 0.15 }),
        (Intent::Medical, 0.19),
        (Intent::Venture, 0.17),
        (Intent::Personal, 0.17),
        (Intent::DebtConsolidation, 0.16),
        (Intent::HomeImprovement, if owner { 0.16 } else { 0.05 }),
    ])
}

/// Most people ask for a round sum.
fn draw_amount(log_income: f64, random: &mut Random) -> f64 {
    let wished = random.log_normal(8_000.0, 0.62) * libm::exp(0.4 * log_income);
    let step = match wished < 2_000.0 {
        true => random.pick([(25.0, 0.4), (100.0, 0.6)]),
        false => random.pick([(25.0, 0.35), (500.0, 0.3), (1_000.0, 0.35)]),
    };
    ((wished / step).round() * step).clamp(500.0, 35_000.0)
}

fn draw_score(age: f64, education: Education, random: &mut Random) -> f64 {
    let usual = 624.0 + 1.2 * (age - 20.0).min(30.0) + 60.0 * education.premium();
    let luck = random.normal();
    let spread = if luck < 0.0 { 60.0 } else { 38.0 };
    (usual + spread * luck).round().clamp(390.0, 850.0)
}

impl Education {
    fn word(self) -> &'static str {
        match self {
            Self::HighSchool => "High School",
            Self::Associate => "Associate",
            Self::Bachelor => "Bachelor",
            Self::Master => "Master",
            Self::Doctorate => "Doctorate",
        }
    }

    /// What it adds to the logarithm of the income.
    fn premium(self) -> f64 {
        match self {
            Self::HighSchool => 0.0,
            Self::Associate => 0.06,
            Self::Bachelor => 0.18,
            Self::Master => 0.30,
            Self::Doctorate => 0.42,
        }
    }

    fn first_job_age(self) -> f64 {
        match self {
            Self::HighSchool => 18.0,
            Self::Associate => 20.0,
            Self::Bachelor => 21.0,
            Self::Master => 23.0,
            Self::Doctorate => 26.0,
        }
    }
}

impl Home {
    fn word(self) -> &'static str {
        match self {
            Self::Rent => "RENT",
            Self::Mortgage => "MORTGAGE",
            Self::Own => "OWN",
            Self::Other => "OTHER",
        }
    }
}

impl Intent {
    fn word(self) -> &'static str {
        match self {
            Self::Education => "EDUCATION",
            Self::Medical => "MEDICAL",
            Self::Venture => "VENTURE",
            Self::Personal => "PERSONAL",
            Self::DebtConsolidation => "DEBTCONSOLIDATION",
            Self::HomeImprovement => "HOMEIMPROVEMENT",
        }
    }
}
