#![no_main]

underwrite_fuzz::target!("run_folder");
