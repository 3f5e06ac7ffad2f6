"""Turns evaluation rows into `summary.json`, the figures that the report and the closing table show.

The layout (all shares in [0, 1], tokens in tokens, entropy in nats a token, floats rounded to 6 digits):

    {
      "settings":    {"samples_per_problem": 4, "temperature": 1.0, "top_p": 1.0, "max_tokens": 512,
                      "problems_per_split": 200, "confidence": 0.95},
      "splits":      ["test", "ood_people_5", ...],           # in the order to show them
      "models":      {"base": {"splits": {"test": BLOCK, ...}}, "warm_start": ..., "policy": ...},
      "comparisons": [COMPARISON, ...],                       # each later model against each earlier one
      "moves":       {"base": {"test": {"assume": {"share": 0.4, "mean": 0.9}, ...}, ...}, ...}
    }

    BLOCK      = GROUP plus "by_difficulty": {"2": GROUP, "3": GROUP, ...}       (keys in ascending order)
    GROUP      = {"problems": 200, "samples": 800,
                  "pass@1": INTERVAL,                # mean over problems of the share of correct samples
                  "pass@k": {"1": INTERVAL, "4": INTERVAL},
                  "format_rate": INTERVAL,           # completions that read as think block and answer
                  "finished": 0.97,                  # share that ended by itself within max_tokens
                  "mean_tokens": 131.2, "mean_tokens_correct": 120.4 | null, "entropy": 0.31,
                  "reasons": {"correct": 412, "wrong answer": 300, ...}}         (most frequent first)
    INTERVAL   = {"value": 0.52, "low": 0.47, "high": 0.57, "method": "bootstrap" | "wilson"}
    COMPARISON = {"model": "policy", "against": "warm_start", "split": "test", "problems": 200,
                  "difference": INTERVAL,            # pass@1 of model minus pass@1 of against, paired
                  "p_value": 0.0005,                 # two-sided sign-flip test on the same problems
                  "separate": true}                  # the two pass@1 intervals do not overlap

"moves" has the share of traces that show a move at least once and the mean count in a trace; its keys are the
ones of `tailor_core.evaluation.moves` (`voice:...` keys tell the wording), and absent means never seen.
Intervals resample problems, not samples, for the samples of one problem stand or fall together; where all
problems score alike a bootstrap has no width, and Wilson's interval with one trial a problem is given.
"""
