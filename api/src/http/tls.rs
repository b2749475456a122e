//! Certificates: read from PEM files, read again without a new start. Must never allow a version below TLS 1.3, nor a key
//! that others on the machine may read.

use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use arc_swap::ArcSwap;
use rustls::ServerConfig;
use rustls::crypto::ring;
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};

/// Where certificates and their key are.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TlsFiles {
    /// The chain, own certificate first.
    pub certificates: PathBuf,
    /// The key of the first one.
    pub key: PathBuf,
}

/// TLS cannot be offered. Names the setting or the file; never what is in it.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum TlsError {
    /// A file cannot be read.
    #[error("{setting}: {path}: {why}")]
    Unreadable {
        /// Which setting names it.
        setting: &'static str,
        /// The file.
        path: PathBuf,
        /// Why.
        why: String,
    },
    /// Others on the machine may read or change the key.
    #[error("api.private_key_file: {0} may be read by everybody or written by its group: take those rights away")]
    Exposed(PathBuf),
    /// Certificate and key do not go together.
    #[error("api.certificate_file: {0}")]
    Unfit(String),
}

/// What connections are encrypted with.
#[derive(Debug)]
pub struct Tls {
    files: TlsFiles,
    config: ArcSwap<ServerConfig>,
}

impl Tls {
    /// From files.
    ///
    /// # Errors
    /// [`TlsError`].
    pub fn open(files: TlsFiles) -> Result<Self, TlsError> {
        let config = ArcSwap::from(read(&files)?);
        Ok(Self { files, config })
    }

    /// Reads the files again; new connections have what is in them now.
    ///
    /// # Errors
    /// [`TlsError`]; what was in force goes on.
    pub fn reload(&self) -> Result<(), TlsError> {
        self.config.store(read(&self.files)?);
        Ok(())
    }

    /// What is in force.
    #[must_use]
    pub fn config(&self) -> Arc<ServerConfig> {
        self.config.load_full()
    }
}

fn read(files: &TlsFiles) -> Result<Arc<ServerConfig>, TlsError> {
    let unreadable =
        |setting: &'static str, path: &Path, why: String| TlsError::Unreadable { setting, path: path.to_owned(), why };
    let chain: Vec<CertificateDer<'static>> = CertificateDer::pem_file_iter(&files.certificates)
        .and_then(Iterator::collect)
        .map_err(|error| unreadable("api.certificate_file", &files.certificates, error.to_string()))?;
    let bad_key = |why: String| unreadable("api.private_key_file", &files.key, why);
    let mode = std::fs::metadata(&files.key).map_err(|error| bad_key(error.to_string()))?.mode();
    if mode & 0o027 != 0 {
        return Err(TlsError::Exposed(files.key.clone()));
    }
    let key = PrivateKeyDer::from_pem_file(&files.key).map_err(|error| bad_key(error.to_string()))?;
    let mut config = ServerConfig::builder_with_provider(Arc::new(ring::default_provider()))
        .with_protocol_versions(&[&rustls::version::TLS13])
        .and_then(|builder| builder.with_no_client_auth().with_single_cert(chain, key))
        .map_err(|error| TlsError::Unfit(error.to_string()))?;
    config.alpn_protocols = vec![b"h2".to_vec(), b"http/1.1".to_vec()];
    Ok(Arc::new(config))
}
