#![no_main]

underwrite_fuzz::target!("lightgbm");
