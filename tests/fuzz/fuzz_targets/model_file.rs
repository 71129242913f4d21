//! See `fuzz::model_file`.
#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| {
    underwrite_fuzz::fuzz::model_file(data);
});
