"""The stages of the baselines that differ from Tailor's, a module each; `tailor_core.stages.methods` names them."""
