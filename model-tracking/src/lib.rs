//! Runs of training on the disk, and their way to MLflow, Weights & Biases and the Hugging Face Hub.
//!
//! A run is a folder first ([`folder::RunFolder`]); a tracker is sent what the folder holds
//! ([`tracker::Tracker`]), at once or later, and its failure costs nothing but a warning.

mod credentials;
pub mod disk;
pub mod folder;
pub mod http;
pub mod hub;
pub mod mlflow;
pub mod run;
pub mod tracker;
pub mod wandb;
