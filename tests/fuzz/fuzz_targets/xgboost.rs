#![no_main]

underwrite_fuzz::target!("xgboost");
