//! TLS with rustls: a certificate and its key in PEM files, which are read again when they are
//! renewed, and the authorities whose clients may connect.

use std::fmt::Display;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};

use arc_swap::ArcSwap;
use model_files::read_small;
use prometheus_client::metrics::gauge::Gauge;
use sha2::{Digest, Sha256};
use tokio_rustls::TlsAcceptor;
use tokio_rustls::rustls::client::danger::HandshakeSignatureValid;
use tokio_rustls::rustls::crypto::ring::default_provider;
use tokio_rustls::rustls::pki_types::pem::PemObject;
use tokio_rustls::rustls::pki_types::{CertificateDer, PrivateKeyDer, UnixTime};
use tokio_rustls::rustls::server::danger::{ClientCertVerified, ClientCertVerifier};
use tokio_rustls::rustls::server::{NoServerSessionStorage, WebPkiClientVerifier};
use tokio_rustls::rustls::{
    CertificateError, DigitallySignedStruct, DistinguishedName, Error as TlsError, RootCertStore,
    ServerConfig, SignatureScheme,
};

use super::certificate::{Names, Validity, day, name, now};
use super::handshake::{Handshake, Steps};
use super::records::Room;
use crate::error::ServeError;

/// The files for TLS, in PEM form.
#[derive(Debug, Clone)]
pub struct TlsFiles {
    /// The certificate and its chain.
    pub certificate: PathBuf,
    /// Its private key.
    pub key: PathBuf,
    /// Certificates of the authorities that sign clients' certificates: then only clients that
    /// have one may connect. Default: any client may.
    pub client_ca: Option<PathBuf>,
}

/// What new connections are accepted with.
pub(crate) struct Tls {
    files: TlsFiles,
    config: ArcSwap<ServerConfig>,
    seen: Mutex<Seen>,
    expires: Gauge,
    steps: Arc<Steps>,
}

/// What was read of the files.
struct Seen {
    /// Of what was read last, whether it is used or not.
    digest: [u8; 32],
    /// What is used.
    used: Material,
    /// The second from which what was read last can be used, where it could not be yet.
    from: Option<i64>,
}

/// The files' content, and what it comes to.
#[derive(Clone)]
struct Material {
    certificate: Vec<u8>,
    key: Vec<u8>,
    client_ca: Option<Vec<u8>>,
}

impl Tls {
    /// Reads the files. TLS 1.2 and 1.3. `expires` gets the second, since 1970, at which the
    /// certificate expires.
    ///
    /// # Errors
    /// Names the file that cannot be used. An expired certificate is an error in the log alone:
    /// a server that does not start cannot take a renewed one.
    pub(crate) fn open(files: TlsFiles, expires: Gauge) -> Result<Self, ServeError> {
        let material = Material::read(&files)?;
        let (config, validity) = material.config(&files)?;
        let file = files.certificate.display();
        match validity {
            Some(validity) if !validity.contains(now()) => tracing::error!(
                %file,
                from = day(validity.from),
                to = day(validity.to),
                "certificate not valid today: clients refuse it; renew it, and it is read by itself"
            ),
            _ => {}
        }
        set(&expires, validity);
        let steps = Steps::start().map_err(ServeError::Threads)?;
        Ok(Self {
            config: ArcSwap::from_pointee(config),
            seen: Mutex::new(Seen {
                digest: material.digest(),
                used: material,
                from: None,
            }),
            files,
            expires,
            steps,
        })
    }

    /// That of the next connection.
    pub(crate) fn handshake(&self, room: Room) -> Handshake {
        Handshake {
            acceptor: TlsAcceptor::from(self.config.load_full()),
            // With a client's certificates, or without.
            at_most: match self.files.client_ca {
                Some(_) => 16 << 10,
                None => 8 << 10,
            },
            room,
            steps: Arc::clone(&self.steps),
        }
    }

    /// Reads the files again; connections that are open keep what they have. What cannot be used
    /// changes nothing, and the log says why, once; a certificate that is not valid yet is used once
    /// it is.
    pub(crate) fn renew(&self) {
        let mut seen = self.seen.lock().unwrap_or_else(PoisonError::into_inner);
        let read = Material::read(&self.files);
        let digest = match &read {
            Ok(material) => material.digest(),
            Err(error) => Sha256::digest(error.to_string()).into(),
        };
        let is_due = seen.from.is_some_and(|from| from <= now());
        if seen.digest == digest && !is_due {
            return;
        }
        (seen.digest, seen.from) = (digest, None);
        let usable = read.and_then(|material| Ok((material.config(&self.files)?, material)));
        let file = self.files.certificate.display();
        match usable {
            Ok(((_, Some(validity)), material))
                if !validity.contains(now()) && material.certificate != seen.used.certificate =>
            {
                seen.from = (validity.from > now()).then_some(validity.from);
                tracing::error!(
                    %file,
                    from = day(validity.from),
                    to = day(validity.to),
                    "certificate not replaced: the new one is not valid now; the one before stays"
                );
                // Who may connect does not wait for it.
                let client_ca = material.client_ca;
                if client_ca != seen.used.client_ca {
                    let used = seen.used.clone();
                    let with = Material { client_ca, ..used };
                    match with.config(&self.files) {
                        Ok((config, _)) => self.take(&mut seen, config, with),
                        Err(error) => tracing::error!(%error, "authorities not replaced"),
                    }
                }
            }
            // A certificate that is used already may come with another key or other authorities.
            Ok(((config, validity), material)) => {
                self.take(&mut seen, config, material);
                set(&self.expires, validity);
                let to = validity.map(|validity| day(validity.to));
                tracing::info!(%file, to, "certificate replaced");
            }
            Err(error) => {
                tracing::error!(%error, "certificate not replaced; the one before stays");
            }
        }
    }

    fn take(&self, seen: &mut Seen, config: ServerConfig, material: Material) {
        self.config.store(Arc::new(config));
        seen.used = material;
    }
}

fn set(expires: &Gauge, validity: Option<Validity>) {
    if let Some(validity) = validity {
        expires.set(validity.to);
    }
}

/// The longest file of certificates, in bytes: more than every authority of a system takes.
const LONGEST: u64 = 4 << 20;

impl Material {
    fn read(files: &TlsFiles) -> Result<Self, ServeError> {
        let read = |path: &Path| read_small(path, LONGEST).map_err(|error| wrong(path, &error));
        Ok(Self {
            certificate: read(&files.certificate)?,
            key: read(&files.key)?,
            client_ca: files.client_ca.as_deref().map(read).transpose()?,
        })
    }

    fn digest(&self) -> [u8; 32] {
        let parts = [&self.certificate, &self.key].into_iter();
        let parts = parts.chain(&self.client_ca).map(Sha256::digest);
        Sha256::digest(parts.collect::<Vec<_>>().concat()).into()
    }

    fn config(&self, files: &TlsFiles) -> Result<(ServerConfig, Option<Validity>), ServeError> {
        let chain = certificates(&self.certificate, &files.certificate)?;
        let validity = chain.first().and_then(|first| Validity::read(first));
        let key = PrivateKeyDer::from_pem_slice(&self.key);
        let key = key.map_err(|error| wrong(&files.key, &error))?;
        let builder = ServerConfig::builder_with_provider(Arc::new(default_provider()))
            .with_safe_default_protocol_versions()
            .map_err(|error| wrong(&files.certificate, &error))?;
        let builder = match (&self.client_ca, &files.client_ca) {
            (Some(pem), Some(path)) => {
                builder.with_client_cert_verifier(client_verifier(pem, path)?)
            }
            _ => builder.with_no_client_auth(),
        };
        let config = builder.with_single_cert(chain, key);
        let mut config = config.map_err(|error| wrong(&files.key, &error))?;
        config.alpn_protocols = vec![b"http/1.1".to_vec()];
        if self.client_ca.is_some() {
            // A session that is resumed shows no certificate: it would outlive the certificate's
            // end.
            config.session_storage = Arc::new(NoServerSessionStorage {});
            config.send_tls13_tickets = 0;
        }
        Ok((config, validity))
    }
}

fn certificates(pem: &[u8], path: &Path) -> Result<Vec<CertificateDer<'static>>, ServeError> {
    let certificates = CertificateDer::pem_slice_iter(pem);
    let certificates = certificates.collect::<Result<Vec<_>, _>>();
    let certificates = certificates.map_err(|error| wrong(path, &error))?;
    if certificates.is_empty() {
        return Err(wrong(
            path,
            &"the file has no certificate, expected `-----BEGIN CERTIFICATE-----`",
        ));
    }
    Ok(certificates)
}

fn client_verifier(pem: &[u8], path: &Path) -> Result<Arc<dyn ClientCertVerifier>, ServeError> {
    let mut roots = RootCertStore::empty();
    for certificate in certificates(pem, path)? {
        let added = roots.add(certificate);
        added.map_err(|error| wrong(path, &error))?;
    }
    let provider = Arc::new(default_provider());
    let verifier = WebPkiClientVerifier::builder_with_provider(Arc::new(roots), provider);
    let verifier = verifier.build().map_err(|error| wrong(path, &error))?;
    Ok(Arc::new(ShortChains(verifier)))
}

/// How many certificates may follow a client's own: real chains have one to three.
const LONGEST_CHAIN: usize = 4;

/// How many paths may lead from a client's certificate to an authority by the names in its chain,
/// each of which is checked. Chains with authorities that were renewed or sign each other, and with
/// the authorities' own certificates, have up to six.
const MOST_PATHS: usize = 6;

/// Refuses chains that are long or lead to an authority in many ways before they are checked:
/// whoever has no certificate of an authority could keep a thread busy for seconds with 16 KiB of
/// certificates, and for 50 ms with five of the same name.
#[derive(Debug)]
struct ShortChains(Arc<dyn ClientCertVerifier>);

impl ShortChains {
    /// The certificates of a chain, each once, if these are few.
    fn few<'a>(
        &self,
        own: &CertificateDer<'_>,
        chain: &'a [CertificateDer<'_>],
    ) -> Option<Vec<CertificateDer<'a>>> {
        if chain.len() > LONGEST_CHAIN {
            return None;
        }
        let mut few: Vec<CertificateDer<'a>> = Vec::new();
        for one in chain {
            if one != own && !few.contains(one) {
                few.push(CertificateDer::from(one.as_ref()));
            }
        }
        let hints = self.root_hint_subjects().iter();
        let mut authorities: Vec<&[u8]> =
            hints.filter_map(|hint| name(&mut hint.as_ref())).collect();
        // How many have the same name is the choice of whoever runs the server.
        authorities.sort_unstable();
        authorities.dedup();
        let mut names = few
            .iter()
            .map(|one| Names::read(one))
            .collect::<Option<_>>()?;
        let paths = paths(Names::read(own)?.issuer, &mut names, &authorities);
        (paths <= MOST_PATHS).then_some(few)
    }
}

/// How many paths lead from this issuer to an authority, through certificates of the chain each of
/// which is taken once.
fn paths(issuer: &[u8], chain: &mut Vec<Names<'_>>, authorities: &[&[u8]]) -> usize {
    let mut found = usize::from(authorities.contains(&issuer));
    for at in 0..chain.len() {
        let next = chain.swap_remove(at);
        if next.subject == issuer {
            found += paths(next.issuer, chain, authorities);
        }
        chain.push(next);
        let last = chain.len() - 1;
        chain.swap(at, last);
    }
    found
}

impl ClientCertVerifier for ShortChains {
    fn verify_client_cert(
        &self,
        own: &CertificateDer<'_>,
        chain: &[CertificateDer<'_>],
        now: UnixTime,
    ) -> Result<ClientCertVerified, TlsError> {
        match self.few(own, chain) {
            Some(chain) => self.0.verify_client_cert(own, &chain, now),
            None => Err(CertificateError::ApplicationVerificationFailure.into()),
        }
    }

    fn offer_client_auth(&self) -> bool {
        self.0.offer_client_auth()
    }

    fn client_auth_mandatory(&self) -> bool {
        self.0.client_auth_mandatory()
    }

    fn root_hint_subjects(&self) -> &[DistinguishedName] {
        self.0.root_hint_subjects()
    }

    fn verify_tls12_signature(
        &self,
        message: &[u8],
        own: &CertificateDer<'_>,
        signature: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, TlsError> {
        self.0.verify_tls12_signature(message, own, signature)
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        own: &CertificateDer<'_>,
        signature: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, TlsError> {
        self.0.verify_tls13_signature(message, own, signature)
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.0.supported_verify_schemes()
    }

    fn requires_raw_public_keys(&self) -> bool {
        self.0.requires_raw_public_keys()
    }
}

fn wrong(path: &Path, reason: &dyn Display) -> ServeError {
    ServeError::Tls {
        path: path.to_owned(),
        reason: reason.to_string(),
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "a test may fail")]

    use std::fs;
    use std::time::Duration;

    use base64::Engine;

    use super::*;

    fn found(issuer: &str, chain: &[(&'static str, &'static str)], authorities: &[&str]) -> usize {
        let names = chain.iter().map(|(subject, issuer)| Names {
            subject: subject.as_bytes(),
            issuer: issuer.as_bytes(),
        });
        let authorities: Vec<&[u8]> = authorities.iter().map(|name| name.as_bytes()).collect();
        paths(issuer.as_bytes(), &mut names.collect(), &authorities)
    }

    #[test]
    fn paths_to_an_authority_are_counted() {
        let root = &["root"][..];
        assert_eq!(found("root", &[], root), 1);
        assert_eq!(found("other", &[], root), 0);
        assert_eq!(found("sub", &[("sub", "root")], root), 1);
        let signed = [("sub", "root"), ("policy", "root"), ("root", "root")];
        assert_eq!(found("sub", &signed, root), 2);
        // In any order, what is of the same name: 1 + 4 + 12 + 24 + 24.
        assert_eq!(found("root", &[("root", "root"); 4], root), 65);
    }

    /// Chains with an authority that was renewed (RFC 4210, section 4.4), or with two that sign each
    /// other.
    #[test]
    fn real_chains_have_few_paths() {
        let (root, two) = (&["root"][..], &["one", "two"][..]);
        let own = ("root", "root");
        for (issuer, chain, authorities) in [
            ("root", &[own, own][..], root),
            ("sub", &[("sub", "root"), own, own], root),
            ("sub", &[("sub", "root"), ("sub", "root"), own], root),
            ("sub", &[("sub", "policy"), ("policy", "root"), own], root),
            (
                "sub",
                &[
                    ("sub", "two"),
                    ("two", "one"),
                    ("one", "two"),
                    ("one", "one"),
                ],
                two,
            ),
        ] {
            let paths = found(issuer, chain, authorities);
            assert!((1..=MOST_PATHS).contains(&paths), "{chain:?} {paths}");
        }
    }

    fn files_of(name: &str, folder: &Path, client_ca: bool) -> TlsFiles {
        let files = TlsFiles {
            certificate: folder.join("cert.pem"),
            key: folder.join("key.pem"),
            client_ca: client_ca.then(|| folder.join("ca.pem")),
        };
        fs::copy(data(&format!("{name}.pem")), &files.certificate).unwrap();
        fs::copy(data(&format!("{name}-key.pem")), &files.key).unwrap();
        fs::copy(data("ca.pem"), folder.join("ca.pem")).unwrap();
        files
    }

    fn data(name: &str) -> PathBuf {
        let folder = Path::new(env!("CARGO_MANIFEST_DIR"));
        folder.join("tests/data").join(name)
    }

    /// A certificate as it would be with another beginning: nothing here looks at its signature.
    fn valid_from(name: &str, second: i64) -> String {
        const UTC_TIME: [u8; 2] = [0x17, 13];
        let pem = CertificateDer::pem_file_iter(data(name)).unwrap();
        let mut der = pem.map(Result::unwrap).next().unwrap().to_vec();
        let at = der.windows(2).position(|two| two == UTC_TIME).unwrap() + 2;
        let from = chrono::DateTime::from_timestamp(second, 0).unwrap();
        let from = from.format("%y%m%d%H%M%SZ").to_string();
        der[at..at + 13].copy_from_slice(from.as_bytes());
        let body = base64::engine::general_purpose::STANDARD.encode(der);
        format!("-----BEGIN CERTIFICATE-----\n{body}\n-----END CERTIFICATE-----\n")
    }

    /// It was once looked at a single time, and never used.
    #[test]
    fn a_certificate_that_is_not_valid_yet_is_used_once_it_is() {
        let folder = tempfile::tempdir().unwrap();
        let files = files_of("expired", folder.path(), false);
        let expires = Gauge::default();
        let tls = Tls::open(files.clone(), expires.clone()).unwrap();
        let before = expires.get();
        let from = now() + 3;
        fs::write(&files.certificate, valid_from("second.pem", from)).unwrap();
        fs::copy(data("second-key.pem"), &files.key).unwrap();
        tls.renew();
        let after = expires.get();
        assert!(now() >= from || after == before);
        while expires.get() == before {
            assert!(now() < from + 60, "it is not used");
            std::thread::sleep(Duration::from_millis(50));
            tls.renew();
        }
        assert!(now() >= from);
    }

    /// They were once not read where the server's own certificate had expired.
    #[test]
    fn authorities_are_replaced_beside_an_expired_certificate() {
        let folder = tempfile::tempdir().unwrap();
        let files = files_of("expired", folder.path(), true);
        let tls = Tls::open(files.clone(), Gauge::default()).unwrap();
        let before = tls.config.load_full();
        tls.renew();
        assert!(Arc::ptr_eq(&before, &tls.config.load_full()));
        let other = fs::read(data("same-name.pem")).unwrap();
        fs::write(files.client_ca.as_ref().unwrap(), other).unwrap();
        tls.renew();
        let after = tls.config.load_full();
        assert!(!Arc::ptr_eq(&before, &after));
        // Nor where one is there that is not valid yet.
        let soon = valid_from("second.pem", now() + 3600);
        fs::write(&files.certificate, soon).unwrap();
        fs::copy(data("second-key.pem"), &files.key).unwrap();
        tls.renew();
        assert!(Arc::ptr_eq(&after, &tls.config.load_full()));
        fs::copy(data("ca.pem"), files.client_ca.unwrap()).unwrap();
        tls.renew();
        assert!(!Arc::ptr_eq(&after, &tls.config.load_full()));
        let used = &tls.seen.lock().unwrap().used;
        assert_eq!(used.certificate, fs::read(data("expired.pem")).unwrap());
        assert_eq!(used.client_ca, fs::read(data("ca.pem")).ok());
    }
}
