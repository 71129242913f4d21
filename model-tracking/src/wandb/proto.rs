//! As much of the records of a `.wandb` file as we write (`wandb_internal.proto`).

use prost::Message;

/// One record; exactly one of the optional fields is set.
#[derive(Clone, PartialEq, Message)]
pub(super) struct Record {
    #[prost(int64, tag = "1")]
    pub(super) num: i64,
    #[prost(message, optional, tag = "2")]
    pub(super) history: Option<History>,
    #[prost(message, optional, tag = "3")]
    pub(super) summary: Option<Items>,
    #[prost(message, optional, tag = "6")]
    pub(super) files: Option<Files>,
    #[prost(message, optional, tag = "8")]
    pub(super) artifact: Option<Artifact>,
    #[prost(message, optional, tag = "17")]
    pub(super) run: Option<Run>,
    #[prost(message, optional, tag = "18")]
    pub(super) exit: Option<Exit>,
    #[prost(message, optional, tag = "21")]
    pub(super) header: Option<Header>,
    #[prost(message, optional, tag = "200")]
    pub(super) info: Option<Info>,
}

#[derive(Clone, PartialEq, Message)]
pub(super) struct Info {
    #[prost(string, tag = "1")]
    pub(super) stream_id: String,
}

#[derive(Clone, PartialEq, Message)]
pub(super) struct Header {
    #[prost(message, optional, tag = "1")]
    pub(super) version: Option<Version>,
}

#[derive(Clone, PartialEq, Message)]
pub(super) struct Version {
    #[prost(string, tag = "1")]
    pub(super) producer: String,
    #[prost(string, tag = "2")]
    pub(super) min_consumer: String,
}

#[derive(Clone, PartialEq, Message)]
pub(super) struct Run {
    #[prost(string, tag = "1")]
    pub(super) run_id: String,
    #[prost(string, tag = "2")]
    pub(super) entity: String,
    #[prost(string, tag = "3")]
    pub(super) project: String,
    #[prost(message, optional, tag = "4")]
    pub(super) config: Option<Items>,
    #[prost(string, tag = "8")]
    pub(super) display_name: String,
    #[prost(string, repeated, tag = "10")]
    pub(super) tags: Vec<String>,
    #[prost(message, optional, tag = "17")]
    pub(super) start_time: Option<Timestamp>,
}

/// `google.protobuf.Timestamp`.
#[derive(Clone, PartialEq, Message)]
pub(super) struct Timestamp {
    #[prost(int64, tag = "1")]
    pub(super) seconds: i64,
    #[prost(int32, tag = "2")]
    pub(super) nanos: i32,
}

/// `ConfigRecord` and `SummaryRecord`: what is set.
#[derive(Clone, PartialEq, Message)]
pub(super) struct Items {
    #[prost(message, repeated, tag = "1")]
    pub(super) update: Vec<Item>,
}

/// `ConfigItem`, `SummaryItem` and `HistoryItem`.
#[derive(Clone, PartialEq, Message)]
pub(super) struct Item {
    #[prost(string, tag = "1")]
    pub(super) key: String,
    #[prost(string, tag = "16")]
    pub(super) value_json: String,
}

#[derive(Clone, PartialEq, Message)]
pub(super) struct History {
    #[prost(message, repeated, tag = "1")]
    pub(super) item: Vec<Item>,
    #[prost(message, optional, tag = "2")]
    pub(super) step: Option<Step>,
}

#[derive(Clone, PartialEq, Message)]
pub(super) struct Step {
    #[prost(int64, tag = "1")]
    pub(super) num: i64,
}

#[derive(Clone, PartialEq, Message)]
pub(super) struct Files {
    #[prost(message, repeated, tag = "1")]
    pub(super) files: Vec<File>,
}

#[derive(Clone, PartialEq, Message)]
pub(super) struct File {
    #[prost(string, tag = "1")]
    pub(super) path: String,
    /// 0 now, 1 at the end of the run, 2 whenever it changes.
    #[prost(int32, tag = "2")]
    pub(super) policy: i32,
}

#[derive(Clone, PartialEq, Message)]
pub(super) struct Artifact {
    #[prost(string, tag = "1")]
    pub(super) run_id: String,
    #[prost(string, tag = "2")]
    pub(super) project: String,
    #[prost(string, tag = "3")]
    pub(super) entity: String,
    #[prost(string, tag = "4")]
    pub(super) kind: String,
    #[prost(string, tag = "5")]
    pub(super) name: String,
    #[prost(string, tag = "6")]
    pub(super) digest: String,
    #[prost(string, tag = "7")]
    pub(super) description: String,
    #[prost(string, tag = "8")]
    pub(super) metadata: String,
    #[prost(string, repeated, tag = "11")]
    pub(super) aliases: Vec<String>,
    #[prost(message, optional, tag = "12")]
    pub(super) manifest: Option<Manifest>,
    #[prost(bool, tag = "14")]
    pub(super) finalize: bool,
    #[prost(string, tag = "15")]
    pub(super) client_id: String,
    #[prost(string, tag = "16")]
    pub(super) sequence_client_id: String,
    #[prost(string, tag = "20")]
    pub(super) digest_algorithm: String,
}

#[derive(Clone, PartialEq, Message)]
pub(super) struct Manifest {
    #[prost(int32, tag = "1")]
    pub(super) version: i32,
    #[prost(string, tag = "2")]
    pub(super) storage_policy: String,
    #[prost(message, repeated, tag = "3")]
    pub(super) storage_policy_config: Vec<PolicyItem>,
    #[prost(message, repeated, tag = "4")]
    pub(super) contents: Vec<Entry>,
}

#[derive(Clone, PartialEq, Message)]
pub(super) struct PolicyItem {
    #[prost(string, tag = "1")]
    pub(super) key: String,
    #[prost(string, tag = "2")]
    pub(super) value_json: String,
}

#[derive(Clone, PartialEq, Message)]
pub(super) struct Entry {
    #[prost(string, tag = "1")]
    pub(super) path: String,
    #[prost(string, tag = "2")]
    pub(super) digest: String,
    #[prost(int64, tag = "4")]
    pub(super) size: i64,
    #[prost(string, tag = "6")]
    pub(super) local_path: String,
}

#[derive(Clone, PartialEq, Message)]
pub(super) struct Exit {
    #[prost(int32, tag = "1")]
    pub(super) exit_code: i32,
    #[prost(int32, tag = "2")]
    pub(super) runtime: i32,
}
