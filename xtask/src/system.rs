//! What the machine must have: Node, the wasm target, a browser to test with.

use std::env;
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context, Result, bail};

use crate::steps::{output_of, quietly};
use crate::workspace::{cargo, command};

/// The oldest major version of Java that Spark 4 runs on.
const JAVA_AT_LEAST: u32 = 17;

/// The oldest major version of Node that wrangler and our scripts run on.
pub(crate) const NODE_AT_LEAST: u32 = 20;

/// A browser and its driver, both runnable.
pub(crate) struct Browser {
    /// Chromium or Chrome.
    pub(crate) chromium: PathBuf,
    /// Its WebDriver.
    pub(crate) chromedriver: PathBuf,
}

/// Prometheus and what comes with it, all runnable.
pub(crate) struct Monitoring {
    /// The server.
    pub(crate) prometheus: PathBuf,
    /// Its checker of rules and metrics.
    pub(crate) promtool: PathBuf,
    /// What is pushed to.
    pub(crate) pushgateway: PathBuf,
}

/// Checks Node and npm, and adds the wasm target to the pinned toolchain.
pub(crate) fn prepare() -> Result<()> {
    check_node(output_of(command("node").arg("--version")).as_deref())?;
    if output_of(command("npm").arg("--version")).is_none() {
        bail!(
            "npm is needed to install tools and was not found: it comes with Node (https://nodejs.org)"
        );
    }
    if !wasm_target_is_there() {
        rustup("target", "target add wasm32-unknown-unknown")?;
    }
    Ok(())
}

/// Adds clippy and rustfmt to the pinned toolchain.
pub(crate) fn add_linters() -> Result<()> {
    let there = |tool: &str| output_of(&mut cargo(&format!("{tool} --version"))).is_some();
    if there("clippy") && there("fmt") {
        return Ok(());
    }
    rustup("components", "component add clippy rustfmt")
}

/// Finds Chromium and chromedriver, or installs them by the system's package manager.
pub(crate) fn browser() -> Result<Browser> {
    if let Some(found) = find_browser() {
        return Ok(found);
    }
    println!("      installing Chromium and chromedriver by the system's package manager");
    let installed = install_browser();
    find_browser().with_context(|| {
        format!(
            "Chromium and chromedriver are needed for the tests, were not found and could not be \
             installed from here{}: install both (Debian: apt-get install chromium \
             chromium-driver; macOS: brew install --cask chromium chromedriver), or set CHROMIUM \
             and CHROMEDRIVER to the programs",
            tried(installed)
        )
    })
}

/// Finds Prometheus and its Pushgateway, or installs them by the system's package manager.
pub(crate) fn monitoring() -> Result<Monitoring> {
    if let Some(found) = find_monitoring() {
        return Ok(found);
    }
    println!("      installing Prometheus and its Pushgateway by the system's package manager");
    let installed = apt_install("prometheus", &["prometheus", "prometheus-pushgateway"]);
    find_monitoring().with_context(|| {
        format!(
            "Prometheus, promtool and the Pushgateway are needed for the tests, were not found \
             and could not be installed from here{}: install them (Debian: apt-get install \
             prometheus prometheus-pushgateway; else https://prometheus.io/download), or set \
             PROMETHEUS, PROMTOOL and PUSHGATEWAY to the programs",
            tried(installed)
        )
    })
}

/// The home of a Java that Spark runs on: the one that `JAVA_HOME` names, else that of `java`,
/// else one that the system's package manager installs. Those of PyPI lack modules of Spark's.
pub(crate) fn java() -> Result<PathBuf> {
    if let Some(found) = find_java() {
        return Ok(found);
    }
    println!("      installing Java by the system's package manager");
    let package = format!("openjdk-{JAVA_AT_LEAST}-jre-headless");
    let installed = apt_install("java", &[&package]);
    find_java().with_context(|| {
        format!(
            "Java {JAVA_AT_LEAST} or newer is needed to test on Spark, was not found and could \
             not be installed from here{}: install it (Debian: apt-get install {package}; macOS: \
             brew install --cask temurin@{JAVA_AT_LEAST}), or set JAVA_HOME to its folder",
            tried(installed)
        )
    })
}

fn find_java() -> Option<PathBuf> {
    let given = env::var_os("JAVA_HOME").map(PathBuf::from);
    let java = || find("JAVA", &["java"]).and_then(|program| program.canonicalize().ok());
    let home = given.or_else(|| Some(java()?.parent()?.parent()?.to_owned()))?;
    let release = std::fs::read_to_string(home.join("release")).ok()?;
    (java_version(&release)? >= JAVA_AT_LEAST).then_some(home)
}

/// The major version in a Java's file `release`: 17 of `JAVA_VERSION="17.0.15"`.
fn java_version(release: &str) -> Option<u32> {
    let version = release
        .lines()
        .find_map(|line| line.strip_prefix("JAVA_VERSION="))?;
    version.trim_matches('"').split('.').next()?.parse().ok()
}

fn find_monitoring() -> Option<Monitoring> {
    Some(Monitoring {
        prometheus: find("PROMETHEUS", &["prometheus"])?,
        promtool: find("PROMTOOL", &["promtool"])?,
        pushgateway: find("PUSHGATEWAY", &["prometheus-pushgateway", "pushgateway"])?,
    })
}

/// What went wrong, in brackets.
fn tried(installed: Result<()>) -> String {
    installed
        .err()
        .map(|error| format!(" ({error:#})"))
        .unwrap_or_default()
}

fn check_node(version: Option<&str>) -> Result<()> {
    let Some(version) = version else {
        bail!("Node {NODE_AT_LEAST} or newer is needed and was not found: https://nodejs.org");
    };
    let major = version
        .trim_start_matches('v')
        .split('.')
        .next()
        .and_then(|n| n.parse().ok());
    if major.is_none_or(|major: u32| major < NODE_AT_LEAST) {
        bail!("Node {NODE_AT_LEAST} or newer is needed, found {version}: https://nodejs.org");
    }
    Ok(())
}

fn wasm_target_is_there() -> bool {
    let print = [
        "--print",
        "target-libdir",
        "--target",
        "wasm32-unknown-unknown",
    ];
    output_of(command("rustc").args(print)).is_some_and(|folder| Path::new(&folder).is_dir())
}

fn rustup(log: &str, arguments: &str) -> Result<()> {
    quietly(log, command("rustup").args(arguments.split_whitespace()))
}

fn find_browser() -> Option<Browser> {
    let chromium = find(
        "CHROMIUM",
        &[
            "chromium",
            "chromium-browser",
            "google-chrome",
            "google-chrome-stable",
            "/Applications/Chromium.app/Contents/MacOS/Chromium",
            "/Applications/Google Chrome.app/Contents/MacOS/Google Chrome",
        ],
    )?;
    let chromedriver = find(
        "CHROMEDRIVER",
        &["chromedriver", "/usr/lib/chromium/chromedriver"],
    )?;
    Some(Browser {
        chromium,
        chromedriver,
    })
}

/// The first of these programs that is there: the one a variable names, else by name on the
/// search path and in `/usr/bin`.
fn find(variable: &str, names: &[&str]) -> Option<PathBuf> {
    if let Some(given) = env::var_os(variable) {
        return Some(PathBuf::from(given)).filter(|path| path.is_file());
    }
    let path = env::var_os("PATH").unwrap_or_default();
    let folders: Vec<_> = env::split_paths(&path).chain(["/usr/bin".into()]).collect();
    let places = names
        .iter()
        .flat_map(|name| folders.iter().map(move |folder| folder.join(name)));
    places.into_iter().find(|path| path.is_file())
}

fn install_browser() -> Result<()> {
    if env::consts::OS == "macos" {
        let casks = ["install", "--cask", "chromium", "chromedriver"];
        return quietly("browser", command("brew").args(casks));
    }
    apt_install("browser", &["chromium", "chromium-driver"])
}

fn apt_install(log: &str, packages: &[&str]) -> Result<()> {
    if output_of(command("apt-get").arg("--version")).is_none() {
        bail!("there is no apt-get");
    }
    quietly("apt-update", as_root()?.args(["apt-get", "update"]))?;
    let install = ["apt-get", "install", "--yes", "--no-install-recommends"];
    quietly(log, as_root()?.args(install).args(packages))
}

/// A command that runs the rest as root, without asking for a password.
fn as_root() -> Result<Command> {
    let mut wrapper = if output_of(command("id").arg("-u")).as_deref() == Some("0") {
        command("env")
    } else if output_of(command("sudo").args(["-n", "true"])).is_some() {
        let mut sudo = command("sudo");
        sudo.args(["-n", "env"]);
        sudo
    } else {
        bail!("not root, and sudo would ask for a password");
    };
    wrapper.arg("DEBIAN_FRONTEND=noninteractive");
    Ok(wrapper)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(version: Option<&str>, expect: Option<&str>) {
        let said = check_node(version).err().map(|error| error.to_string());
        assert_eq!(said.as_deref(), expect);
    }

    #[test]
    fn the_version_of_java_is_read() {
        let release = "IMPLEMENTOR=\"Debian\"\nJAVA_VERSION=\"17.0.15\"\n";
        assert_eq!(java_version(release), Some(17));
        assert_eq!(java_version("JAVA_VERSION=\"25\"\n"), Some(25));
        assert_eq!(java_version("JAVA_VERSION=\"1.8.0_392\"\n"), Some(1));
        assert_eq!(java_version(""), None);
    }

    #[test]
    fn old_and_missing_node_are_refused_with_a_sentence() {
        check(Some("v20.20.2"), None);
        check(Some("v24.0.0"), None);
        check(
            Some("v18.19.0"),
            Some("Node 20 or newer is needed, found v18.19.0: https://nodejs.org"),
        );
        check(
            Some("?"),
            Some("Node 20 or newer is needed, found ?: https://nodejs.org"),
        );
        check(
            None,
            Some("Node 20 or newer is needed and was not found: https://nodejs.org"),
        );
    }
}
