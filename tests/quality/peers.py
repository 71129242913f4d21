"""What others reach on the same rows: each peer fits on the training rows, and gives the
probabilities of the test rows. One thread each."""

import numpy
import pandas

SEED = 42
TRIALS = 30
FOLDS = 5
# Raised where a peer is fitted in another way, so that kept results are not used again.
REVISION = 1


def categories(frame):
    return [name for name in frame.columns if not pandas.api.types.is_numeric_dtype(frame[name])]


def as_categories(frame):
    """Texts as pandas categories of the whole table, so that every split has the same."""
    return frame.astype({name: pandas.CategoricalDtype(sorted(frame[name].dropna().unique()))
                         for name in categories(frame)})


def logistic_regression(frame, train, test, answers):
    from sklearn.compose import ColumnTransformer
    from sklearn.impute import SimpleImputer
    from sklearn.linear_model import LogisticRegression
    from sklearn.pipeline import make_pipeline
    from sklearn.preprocessing import OneHotEncoder, StandardScaler

    words = categories(frame)
    numbers = [name for name in frame.columns if name not in words]
    columns = ColumnTransformer([
        ("numbers", make_pipeline(SimpleImputer(strategy="median", add_indicator=True), StandardScaler()), numbers),
        ("words", OneHotEncoder(handle_unknown="ignore"), words),
    ])
    model = make_pipeline(columns, LogisticRegression(max_iter=5000))
    frame = frame.astype({name: object for name in words}).where(frame.notna(), numpy.nan)
    model.fit(frame.iloc[train], answers[train])
    return model.predict_proba(frame.iloc[test])[:, 1]


def hist_gradient_boosting(frame, train, test, answers):
    from sklearn.ensemble import HistGradientBoostingClassifier

    frame = as_categories(frame)
    model = HistGradientBoostingClassifier(categorical_features="from_dtype", random_state=SEED)
    model.fit(frame.iloc[train], answers[train])
    return model.predict_proba(frame.iloc[test])[:, 1]


def lightgbm(frame, train, test, answers):
    from lightgbm import LGBMClassifier

    frame = as_categories(frame)
    model = LGBMClassifier(n_jobs=1, random_state=SEED, verbosity=-1)
    model.fit(frame.iloc[train], answers[train])
    return model.predict_proba(frame.iloc[test])[:, 1]


def lightgbm_optuna(frame, train, test, answers):
    """30 trials by TPE on the mean log loss of 5 stratified folds, each fit stopped after 50
    rounds without an improvement; then all training rows with the folds' mean number of trees."""
    import lightgbm
    import optuna
    from sklearn.model_selection import StratifiedKFold

    optuna.logging.set_verbosity(optuna.logging.ERROR)
    frame = as_categories(frame)
    inputs, target = frame.iloc[train], answers[train]
    folds = list(StratifiedKFold(FOLDS, shuffle=True, random_state=SEED).split(inputs, target))

    def parameters(trial):
        return {
            "objective": "binary", "verbosity": -1, "num_threads": 1, "seed": SEED, "deterministic": True,
            "learning_rate": trial.suggest_float("learning_rate", 0.01, 0.2, log=True),
            "num_leaves": trial.suggest_int("num_leaves", 4, 128, log=True),
            "min_child_samples": trial.suggest_int("min_child_samples", 5, 100, log=True),
            "feature_fraction": trial.suggest_float("feature_fraction", 0.3, 1.0),
            "bagging_fraction": trial.suggest_float("bagging_fraction", 0.5, 1.0),
            "bagging_freq": 1,
            "lambda_l1": trial.suggest_float("lambda_l1", 1e-3, 10.0, log=True),
            "lambda_l2": trial.suggest_float("lambda_l2", 1e-3, 30.0, log=True),
        }

    def objective(trial):
        losses, rounds = [], []
        for step, (fit, held_out) in enumerate(folds):
            model = lightgbm.train(
                parameters(trial),
                lightgbm.Dataset(inputs.iloc[fit], target[fit]),
                num_boost_round=2000,
                valid_sets=[lightgbm.Dataset(inputs.iloc[held_out], target[held_out])],
                callbacks=[lightgbm.early_stopping(50, verbose=False)],
            )
            losses.append(model.best_score["valid_0"]["binary_logloss"])
            rounds.append(model.best_iteration)
            trial.report(numpy.mean(losses), step)
            if trial.should_prune():
                raise optuna.TrialPruned
        trial.set_user_attr("rounds", int(numpy.mean(rounds)))
        return numpy.mean(losses)

    study = optuna.create_study(sampler=optuna.samplers.TPESampler(seed=SEED), pruner=optuna.pruners.MedianPruner())
    study.optimize(objective, n_trials=TRIALS)
    best = study.best_trial
    rounds = best.user_attrs["rounds"]
    model = lightgbm.train(parameters(best), lightgbm.Dataset(inputs, target), num_boost_round=max(rounds, 1))
    return model.predict(frame.iloc[test])


def xgboost(frame, train, test, answers):
    from xgboost import XGBClassifier

    frame = as_categories(frame)
    model = XGBClassifier(n_jobs=1, random_state=SEED, enable_categorical=True)
    model.fit(frame.iloc[train], answers[train])
    return model.predict_proba(frame.iloc[test])[:, 1]


def catboost(frame, train, test, answers):
    from catboost import CatBoostClassifier

    words = categories(frame)
    frame = frame.astype({name: object for name in words})
    frame[words] = frame[words].where(frame[words].notna(), "missing")
    model = CatBoostClassifier(
        random_seed=SEED, thread_count=1, verbose=False, cat_features=words, allow_writing_files=False
    )
    model.fit(frame.iloc[train], answers[train])
    return model.predict_proba(frame.iloc[test])[:, 1]


PEERS = {
    "scikit-learn logistic regression": logistic_regression,
    "scikit-learn HistGradientBoosting": hist_gradient_boosting,
    "LightGBM, defaults": lightgbm,
    "XGBoost, defaults": xgboost,
    "CatBoost, defaults": catboost,
    "LightGBM, Optuna 30 trials": lightgbm_optuna,
}

PACKAGES = {
    "scikit-learn logistic regression": ("scikit-learn",),
    "scikit-learn HistGradientBoosting": ("scikit-learn",),
    "LightGBM, defaults": ("lightgbm",),
    "XGBoost, defaults": ("xgboost-cpu",),
    "CatBoost, defaults": ("catboost",),
    "LightGBM, Optuna 30 trials": ("lightgbm", "optuna", "scikit-learn"),
}
