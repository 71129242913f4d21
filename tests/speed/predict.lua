wrk.method = "POST"
wrk.headers["content-type"] = "application/json"
wrk.body = '{"person_age":35,"person_education":"Bachelor","person_income":65000,"person_emp_exp":5,' ..
  '"person_home_ownership":"RENT","loan_amnt":10000,"loan_intent":"EDUCATION","loan_int_rate":11.0,' ..
  '"loan_percent_income":0.15,"cb_person_cred_hist_length":5,"credit_score":650,' ..
  '"previous_loan_defaults_on_file":"No"}'
