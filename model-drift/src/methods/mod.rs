//! The tests and distances, one per file. Each takes two samples counted by value or bin.

pub mod anderson_darling;
pub mod chi_square;
pub mod cramer_von_mises;
pub mod domain_classifier;
pub mod fisher_exact;
pub mod hellinger;
pub mod jensen_shannon;
pub mod kolmogorov_smirnov;
pub mod kullback_leibler;
pub mod psi;
pub mod total_variation;
pub mod wasserstein;
pub mod z_test;

use crate::sketch::Kind;

/// A method that compares one column of two batches.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Method {
    /// See [`kolmogorov_smirnov`].
    KolmogorovSmirnov,
    /// See [`wasserstein`].
    Wasserstein,
    /// See [`jensen_shannon`].
    JensenShannon,
    /// See [`psi`].
    Psi,
    /// See [`kullback_leibler`].
    KullbackLeibler,
    /// See [`hellinger`].
    Hellinger,
    /// See [`chi_square`].
    ChiSquare,
    /// See [`z_test`].
    ZTest,
    /// See [`anderson_darling`].
    AndersonDarling,
    /// See [`cramer_von_mises`].
    CramerVonMises,
    /// See [`total_variation`].
    TotalVariation,
    /// See [`fisher_exact`].
    FisherExact,
}

/// No method has this name.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("there is no method '{name}': choose one of {}", Method::names().join(", "))]
pub struct UnknownMethod {
    name: String,
}

impl Method {
    /// Every method, in the order of the documentation.
    pub const ALL: [Self; 12] = [
        Self::KolmogorovSmirnov,
        Self::Wasserstein,
        Self::JensenShannon,
        Self::Psi,
        Self::KullbackLeibler,
        Self::Hellinger,
        Self::ChiSquare,
        Self::ZTest,
        Self::AndersonDarling,
        Self::CramerVonMises,
        Self::TotalVariation,
        Self::FisherExact,
    ];

    /// The name on the command line: Evidently's where it has one.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::KolmogorovSmirnov => "ks",
            Self::Wasserstein => "wasserstein",
            Self::JensenShannon => "jensenshannon",
            Self::Psi => "psi",
            Self::KullbackLeibler => "kl_div",
            Self::Hellinger => "hellinger",
            Self::ChiSquare => "chisquare",
            Self::ZTest => "z",
            Self::AndersonDarling => "anderson",
            Self::CramerVonMises => "cramer_von_mises",
            Self::TotalVariation => "tvd",
            Self::FisherExact => "fisher_exact",
        }
    }

    /// The name in reports.
    #[must_use]
    pub fn title(self) -> &'static str {
        match self {
            Self::KolmogorovSmirnov => "Kolmogorov-Smirnov test",
            Self::Wasserstein => "Wasserstein distance (normed)",
            Self::JensenShannon => "Jensen-Shannon distance",
            Self::Psi => "Population stability index",
            Self::KullbackLeibler => "Kullback-Leibler divergence",
            Self::Hellinger => "Hellinger distance",
            Self::ChiSquare => "Chi-square test",
            Self::ZTest => "Z-test for proportions",
            Self::AndersonDarling => "Anderson-Darling test",
            Self::CramerVonMises => "Cramér-von Mises test",
            Self::TotalVariation => "Total variation distance",
            Self::FisherExact => "Fisher's exact test",
        }
    }

    /// The names that [`Method::from_name`] knows.
    #[must_use]
    pub fn names() -> Vec<&'static str> {
        Self::ALL.map(Self::name).to_vec()
    }

    /// The method of a name.
    ///
    /// # Errors
    /// When there is no such method; lists the names.
    pub fn from_name(name: &str) -> Result<Self, UnknownMethod> {
        let found = Self::ALL.into_iter().find(|method| method.name() == name);
        found.ok_or_else(|| UnknownMethod {
            name: name.to_owned(),
        })
    }

    /// Whether its score is a p-value rather than a distance.
    #[must_use]
    pub fn is_test(self) -> bool {
        matches!(
            self,
            Self::KolmogorovSmirnov
                | Self::ChiSquare
                | Self::ZTest
                | Self::AndersonDarling
                | Self::CramerVonMises
                | Self::FisherExact
        )
    }

    /// Whether it can compare columns of this type.
    #[must_use]
    pub fn takes(self, kind: Kind) -> bool {
        match self {
            Self::JensenShannon | Self::Psi | Self::KullbackLeibler | Self::Hellinger => true,
            Self::KolmogorovSmirnov
            | Self::Wasserstein
            | Self::AndersonDarling
            | Self::CramerVonMises => kind == Kind::Number,
            Self::ChiSquare | Self::ZTest | Self::TotalVariation | Self::FisherExact => {
                kind == Kind::Category
            }
        }
    }
}
