"""Fine-tuning of models that write long, over TRL: settings, sets, trainers and their guards."""
