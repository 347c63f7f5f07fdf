"""More epochs for a run, whether it is over or not."""

from core.errors import SettingsError
from training.fit.learner import RESUME_FILE, resume_path
from training.fit.team import is_first_process
from training.run.history import ran_out_of_patience
from training.run.run import RUN_FILE, SETTINGS_FILE, Run
from training.run.settings import TrainingSettings


def extend_run(run: Run, epochs: int) -> TrainingSettings:
    """Set the epochs of a run to `epochs` in all, write that into the run, and return its settings.

    It then goes on to the weights of a run that was begun with that many. So only runs whose learning rate does not
    depend on their length can be changed.

    Raises:
        SettingsError: the run has stages, a cosine schedule, more epochs already, no state to go on from, or ran out of
            patience.
    """
    folder, settings, history = run.folder, run.settings, run.epochs
    if epochs == settings.total_epochs:
        return settings
    way_out = f"Start another run from its weights with --weights {folder}/checkpoints/CHECKPOINT.safetensors."
    if settings.stages:
        raise SettingsError(f"{folder} has stages, which say how long each one is, so --epochs is none. {way_out}")
    if settings.schedule == "cosine":
        raise SettingsError(
            f"{folder} has a cosine schedule, which ends with epoch {settings.epochs}: with another number all "
            f"would be another. {way_out}"
        )
    if epochs < len(history):
        raise SettingsError(f"{folder} has {len(history)} epochs already: give --epochs as many or more.")
    if ran_out_of_patience(settings, history):
        raise SettingsError(
            f"{folder} ended after {len(history)} epochs, since {settings.patience} brought nothing better, and "
            f"more would not be trained. {way_out}"
        )
    if history and not resume_path(folder).is_file():
        raise SettingsError(f"{folder} has no checkpoints/{RESUME_FILE}, so it cannot go on. {way_out}")
    longer = TrainingSettings.parse(settings.model_dump() | {"epochs": epochs})
    if is_first_process():
        longer.save(folder / SETTINGS_FILE)
        run.info.model_copy(update={"settings_digest": longer.digest()}).save(folder / RUN_FILE)
    return longer
