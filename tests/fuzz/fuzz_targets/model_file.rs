#![no_main]

underwrite_fuzz::target!("model_file");
