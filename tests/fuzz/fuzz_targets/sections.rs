//! See `fuzz::sections`.
#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| {
    underwrite_fuzz::fuzz::sections(data);
});
