"""The model folder as MLflow's pyfunc: a table with `text` in, a table of answers out. Needs no torch."""

from pathlib import Path

import mlflow
import pandas as pd
from mlflow.pyfunc.model import PythonModel, PythonModelContext

from pipeline.classify.answer import ScoreSettings
from pipeline.classify.folder import LEXICON
from pipeline.classify.model import Model
from pipeline.classify.outputs import result_row
from pipeline.taxonomy import Taxonomy
from pipeline.text import Lexicon, read_narrative


def load(folder: Path, tree: Path) -> Model:
    """Load a model folder with the tree and the lexicon it was made with."""
    return Model.load(folder, Taxonomy.load(tree), Lexicon.load(folder / LEXICON))


def answer_frame(model: Model, frame: pd.DataFrame) -> pd.DataFrame:
    """Answer the column `text` of a table as `gongdan score` does; rows keep their order."""
    settings = ScoreSettings.load()
    texts = [read_narrative(str(text)).text for text in frame["text"]]
    answers = model.answer(texts, settings)
    rows = [result_row(str(number), answer, model.taxonomy, model.name) for number, answer in enumerate(answers)]
    return pd.DataFrame(rows).drop(columns="ticket_id")


class GongdanModel(PythonModel):
    """Loads the folder that was logged with it."""

    def load_context(self, context: PythonModelContext) -> None:
        """Load the model folder."""
        self.model = load(Path(context.artifacts["folder"]), Path(context.artifacts["taxonomy"]))

    def predict(self, context: object, model_input: pd.DataFrame, params: object = None) -> pd.DataFrame:
        """Answer a table with a column `text`."""
        del context, params
        return answer_frame(self.model, model_input)


mlflow.models.set_model(GongdanModel())
