"""Fine-tuning on a tiny BERT made on the spot: what it learns, that it goes on where it stopped, what it leaves."""

import json
import random
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from scipy.special import log_softmax
from transformers import set_seed

from pipeline.classify.answer import Level, Thresholds
from pipeline.classify.bert import WEIGHTS, BertClassifier
from pipeline.classify.calibrate import Calibration, probabilities
from pipeline.classify.mixture import MixtureClassifier
from pipeline.classify.model import Model
from pipeline.corpus import Labelled, load_labelled
from pipeline.errors import ConfigError, CorpusError, ModelError
from pipeline.taxonomy import Taxonomy
from pipeline.train import load_train_settings
from pipeline.train.bert import BertSettings, load_reader, train_bert
from pipeline.train.export import Weights, export, parity
from pipeline.train.finish import Judged, Scored, columns
from pipeline.train.fit import Lessons, fit
from pipeline.train.reader import Reader, fit_head, load_encoder, scores_of
from pipeline.train.restore import restore


def test_it_learns_a_small_corpus_and_serves_it_without_torch(
    small_bert: Path, small_tree: Path, small_corpus: Path
) -> None:
    taxonomy = Taxonomy.load(small_tree)
    model = Model.load(small_bert, taxonomy)
    rows = load_labelled(small_corpus, taxonomy)
    chances = model.predict_proba([row.text for row in rows])
    assert chances.sum(axis=1) == pytest.approx(np.ones(len(rows)))
    right = [taxonomy.cause_ids[best] == row.cause for best, row in zip(chances.argmax(axis=1), rows, strict=True)]
    assert np.mean(right) > 0.9
    assert model.name.startswith("bert-")
    assert model.manifest.metrics["export_largest_gap"] < 0.05


def test_what_is_written_depends_on_no_path_and_leaves_no_checkpoint(small_bert: Path, bert_config: Path) -> None:
    for path in small_bert.iterdir():
        assert str(bert_config.parent / "model").encode() not in path.read_bytes()
    assert list((bert_config.parent / "checkpoints").iterdir()) == []


def test_a_training_that_was_stopped_goes_on_and_gives_the_same_model(
    settings_of: Callable[..., BertSettings], small_tree: Path, tmp_path: Path
) -> None:
    class StoppedError(Exception):
        pass

    def stop_in_the_third_epoch(name: str, done: int = 0, total: int | None = None) -> None:
        if total and done > total * 0.6:
            raise StoppedError

    settings = settings_of(blend=0.25, output=tmp_path / "model", checkpoints=tmp_path / "checkpoints")
    whole = train_bert(settings.model_copy(update={"output": tmp_path / "whole"})).folder
    with pytest.raises(StoppedError):
        train_bert(settings, stop_in_the_third_epoch)
    steps: list[int] = []
    folder = train_bert(settings, lambda _, done=0, total=None: steps.append(done) if total else None).folder
    assert min(steps) > 5  # it did not begin again
    taxonomy = Taxonomy.load(small_tree)
    texts = ["村里停电三次", "柜台不耐烦", "报装排队迟迟不办灯暗电压低" * 5]
    one, other = (Model.load(path, taxonomy).classifier.scores(texts) for path in (folder, whole))
    assert one == pytest.approx(other, abs=1e-4)


def test_a_narrative_longer_than_a_window_is_read_to_its_end(small_bert: Path) -> None:
    classifier = BertClassifier.load(small_bert)
    filler = "我们小区" * 30
    cut = classifier.windows.cut([filler + "骂人"])[0]
    assert len(cut) > 5
    assert all(len(window) <= 16 for window in cut)
    plain, with_end = classifier.scores([filler, filler + "工作人员态度恶劣骂人"])
    assert abs(plain - with_end).max() > 0.01


def test_an_answer_does_not_depend_on_the_texts_beside_it(small_bert: Path) -> None:
    classifier = BertClassifier.load(small_bert)
    texts = ["停电", "空调带不动我们小区电压不足" * 9, "收费员不耐烦态度差", "申请报装镇上迟迟没有人来"]
    together = classifier.scores(texts)
    alone = np.concatenate([classifier.scores([text]) for text in texts])
    assert together == pytest.approx(alone, abs=0.02)  # bf16, where the processor has it


def test_a_row_with_only_a_type_teaches_its_type(
    settings_of: Callable[..., BertSettings], small_corpus: Path, small_tree: Path, tmp_path: Path
) -> None:
    rows = [json.loads(line) for line in small_corpus.read_text(encoding="utf-8").splitlines()]
    # No sentence of the corpus looks like these, so that nothing else can teach what they are.
    source = random.Random(1)
    texts = ["".join(source.choices("我家小区镇上店厂里学校们", k=14)) for _ in range(41)]
    typed = [{"id": f"t{at}", "text": text, "type": "people"} for at, text in enumerate(texts[:40])]
    corpus = tmp_path / "rows.jsonl"
    corpus.write_text("".join(json.dumps(row, ensure_ascii=False) + "\n" for row in [*rows, *typed]), encoding="utf-8")
    folder = train_bert(settings_of(corpus=corpus, output=tmp_path / "m", checkpoints=tmp_path / "c")).folder
    taxonomy = Taxonomy.load(small_tree)
    (chances,) = taxonomy.type_probabilities(Model.load(folder, taxonomy).predict_proba(texts[40:]))
    assert taxonomy.type_ids[chances.argmax()] == "people"


def test_a_missing_encoder_says_how_to_get_it(settings_of: Callable[..., BertSettings], tmp_path: Path) -> None:
    with pytest.raises(ModelError, match="make encoder") as caught:
        train_bert(settings_of(encoder=str(tmp_path / "none"), checkpoints=tmp_path / "c"))
    assert caught.value.code == "encoder_missing"


def test_too_few_narratives_are_refused(
    settings_of: Callable[..., BertSettings], small_corpus: Path, tmp_path: Path
) -> None:
    few = tmp_path / "few.jsonl"
    few.write_text("\n".join(small_corpus.read_text(encoding="utf-8").splitlines()[:5]), encoding="utf-8")
    with pytest.raises(CorpusError, match="too few"):
        train_bert(settings_of(corpus=few))


def test_mixed_with_the_linear_model_both_are_asked(small_mixture: Path, small_tree: Path) -> None:
    model = Model.load(small_mixture, Taxonomy.load(small_tree))
    assert model.manifest.kind == "bert+linear"
    mixed = model.classifier
    assert isinstance(mixed, MixtureClassifier)
    texts = ["村里停电三次", "柜台不耐烦", ""]
    assert mixed.bert is not None
    parts = [log_softmax(part.scores(texts), axis=1) for part in (mixed.bert, mixed.linear)]
    assert mixed.scores(texts) == pytest.approx(mixed.weights.bert * parts[0] + mixed.weights.linear * parts[1])
    assert mixed.vectors(texts).shape == (3, 32)


def test_rows_that_a_file_keeps_for_the_test_teach_nothing(
    settings_of: Callable[..., BertSettings], small_corpus: Path, tmp_path: Path
) -> None:
    rows = [json.loads(line) for line in small_corpus.read_text(encoding="utf-8").splitlines()]
    splits = ("train", "train", "calibration", "test")
    for number, row in enumerate(rows):
        row["split"] = splits[number % 4]
    corpus = tmp_path / "rows.jsonl"
    corpus.write_text("".join(json.dumps(row, ensure_ascii=False) + "\n" for row in rows), encoding="utf-8")
    trained = train_bert(settings_of(corpus=corpus, output=tmp_path / "m", checkpoints=tmp_path / "c"))
    manifest = json.loads((trained.folder / "model.json").read_text(encoding="utf-8"))
    assert manifest["trained_on"]["rows"] == 48
    assert trained.evaluation.n == 24


def test_rare_causes_count_for_more_when_balanced() -> None:
    reader = Reader.__new__(Reader)
    torch.nn.Module.__init__(reader)
    reader.head = torch.nn.Linear(2, 3)
    reader.register_buffer("row_weights", torch.ones(3))
    labels = np.array([0] * 8 + [1] * 2)
    reader.set_balance(labels, 0.0)
    assert reader.row_weights[:2].tolist() == [1.0, 1.0]
    reader.set_balance(labels, 1.0)
    assert reader.row_weights.tolist() == pytest.approx([0.625, 2.5, 0.0])
    assert reader.row_weights[torch.tensor(labels)].mean() == pytest.approx(1.0)


def test_a_rows_weight_counts_in_the_loss(tiny_encoder: Path) -> None:
    reader = Reader(load_encoder(str(tiny_encoder)), np.eye(2), smoothing=0.0, word_dropout=0.0)
    batch = {
        "labels": torch.tensor([0, 1]), "types": torch.tensor([0, 1]), "owners": torch.tensor([0, 1]),
        "input_ids": [torch.tensor([[2, 7, 3], [2, 9, 3]])], "attention_mask": [torch.ones(2, 3, dtype=torch.int64)],
    }  # fmt: skip
    reader.eval()
    each = -torch.log_softmax(reader(**batch)["logits"], dim=1)[[0, 1], [0, 1]]
    reader.set_balance(np.array([0, 0, 0, 1]), 1.0)
    assert reader(**batch)["loss"].item() == pytest.approx((each * torch.tensor([2 / 3, 2.0])).mean().item(), rel=1e-4)


def test_embeddings_stay_as_they_are_when_told(
    settings_of: Callable[..., BertSettings], small_tree: Path, small_corpus: Path, tmp_path: Path
) -> None:
    taxonomy = Taxonomy.load(small_tree)
    rows = load_labelled(small_corpus, taxonomy)
    moved = {}
    for frozen in (True, False):
        settings = settings_of(freeze_embeddings=frozen, epochs=1)
        reader, windows = load_reader(settings, taxonomy)
        before = reader.encoder.embeddings.word_embeddings.weight.clone()
        fit(reader, windows, settings, 1, taxonomy, Lessons(rows, rows), tmp_path / str(frozen))
        moved[frozen] = not torch.equal(before, reader.encoder.embeddings.word_embeddings.weight)
    assert moved == {True: False, False: True}


def test_blended_the_encoder_lies_between_what_it_was_and_what_it_learned(
    settings_of: Callable[..., BertSettings], small_tree: Path, small_corpus: Path, tmp_path: Path
) -> None:
    taxonomy = Taxonomy.load(small_tree)
    rows = load_labelled(small_corpus, taxonomy)
    found, told, heads = {}, {}, {}
    for share in (0.0, 0.25):
        settings = settings_of(blend=share)
        set_seed(1)
        reader, windows = load_reader(settings, taxonomy)
        before = reader.encoder.embeddings.word_embeddings.weight.clone()
        epochs: list[Mapping[str, float]] = []
        fit(
            reader, windows, settings, 1, taxonomy, Lessons(rows, rows), tmp_path / str(share),
            on_epoch=lambda figures, _, epochs=epochs: epochs.append(figures),
        )  # fmt: skip
        found[share], told[share] = reader.encoder.embeddings.word_embeddings.weight - before, epochs
        heads[share] = reader.head.weight.detach()
    assert found[0.0].abs().max() > 0.01
    assert torch.allclose(found[0.25], 0.75 * found[0.0], atol=1e-6)
    assert [len(epochs) for epochs in told.values()] == [12, 13]
    assert not torch.equal(heads[0.0], heads[0.25])  # it was fitted again
    assert told[0.25][-1]["type_accuracy"] > 0.9


def _turned(rows: Sequence[Labelled]) -> list[Labelled]:
    """Give every narrative the label of another, so that what it teaches can be seen."""
    pairs = zip(rows, reversed(rows), strict=True)
    return [replace(row, id=f"h{at}", cause=other.cause, type=other.type) for at, (row, other) in enumerate(pairs)]


@pytest.mark.parametrize("share", [0.0, 0.25])
def test_hard_narratives_teach_the_encoder_and_not_the_final_head(
    settings_of: Callable[..., BertSettings], small_tree: Path, small_corpus: Path, tmp_path: Path, share: float
) -> None:
    taxonomy = Taxonomy.load(small_tree)
    rows = load_labelled(small_corpus, taxonomy)
    settings, encoders = settings_of(blend=share, epochs=2), []
    for name, hard in (("plain", []), ("told", _turned(rows))):
        set_seed(1)
        reader, windows = load_reader(settings, taxonomy)
        fit(reader, windows, settings, 1, taxonomy, Lessons(rows, rows, hard), tmp_path / name)
        encoders.append(reader.encoder.embeddings.word_embeddings.weight.detach())
    assert not torch.allclose(*encoders, atol=1e-3)
    labels, texts = columns(rows, taxonomy), [row.text for row in rows]
    served = reader.head.weight.detach().clone()
    fit_head(reader, windows, texts, labels, taxonomy.membership.argmax(axis=1)[labels])
    assert torch.allclose(served, reader.head.weight, atol=1e-3)


def test_hard_narratives_calibrate_along_and_are_measured_apart(
    settings_of: Callable[..., BertSettings], small_corpus: Path, tmp_path: Path
) -> None:
    rows = [json.loads(line) for line in small_corpus.read_text(encoding="utf-8").splitlines()]
    pairs = zip(rows, reversed(rows), strict=True)
    splits = ("train", "calibration", "test")
    turned = [
        {**row, "id": f"h{at}", "cause": other["cause"], "split": splits[at % 3]}
        for at, (row, other) in enumerate(pairs)
    ]
    hard = tmp_path / "hard.jsonl"
    hard.write_text("\n".join(json.dumps(row, ensure_ascii=False) for row in turned), encoding="utf-8")
    plain, told = (
        train_bert(settings_of(hard=path, blend=0.25, output=tmp_path / name, checkpoints=tmp_path / "c"))
        for name, path in (("plain", None), ("told", hard))
    )
    before, after = (json.loads((it.folder / "model.json").read_text(encoding="utf-8")) for it in (plain, told))
    assert after["trained_on"]["rows"] == before["trained_on"]["rows"] + len(turned[::3])
    assert after["metrics"]["hard_rows"] == len(turned[2::3])
    added = after["thresholds"]["type"]["judged_on"] - before["thresholds"]["type"]["judged_on"]
    assert added == len(turned[1::3])
    assert after["calibration"]["causes"] > before["calibration"]["causes"]  # less sure of itself
    assert "written to mislead a model" in (told.folder / "README.md").read_text(encoding="utf-8")


def test_the_head_needs_no_narrative_of_every_cause_and_takes_some_with_only_a_type(
    settings_of: Callable[..., BertSettings], small_tree: Path, small_corpus: Path
) -> None:
    taxonomy = Taxonomy.load(small_tree)
    rows = load_labelled(small_corpus, taxonomy)
    labels = columns(rows, taxonomy)
    types = taxonomy.membership.argmax(axis=1)[labels]
    last = taxonomy.membership[-1].argmax()
    reader, windows = load_reader(settings_of(), taxonomy)
    absent = len(taxonomy.causes) - 1
    seen = [at for at, label in enumerate(labels) if label != absent]
    fit_head(reader, windows, [rows[at].text for at in seen], labels[seen], types[seen])
    assert -10 < reader.head.bias[absent] < reader.head.bias[:absent].min()
    texts, typed = [row.text for row in rows], np.where(labels == absent, -1, labels)
    fit_head(reader, windows, texts, typed, types)
    chances = taxonomy.type_probabilities(probabilities(scores_of(reader, windows, texts)))
    assert (chances.argmax(axis=1) == types)[types == last].mean() > 0.9


def test_files_without_enough_rows_to_teach_are_refused(
    settings_of: Callable[..., BertSettings], small_corpus: Path, tmp_path: Path
) -> None:
    rows = [json.loads(line) for line in small_corpus.read_text(encoding="utf-8").splitlines()]
    corpus = tmp_path / "rows.jsonl"
    held = [json.dumps({**row, "split": "calibration"}, ensure_ascii=False) + "\n" for row in rows]
    corpus.write_text("".join(held), encoding="utf-8")
    with pytest.raises(CorpusError, match="train split"):
        train_bert(settings_of(corpus=corpus))


def _parity(exact: np.ndarray, served: np.ndarray, small_tree: Path, small_corpus: Path) -> Mapping[str, float]:
    taxonomy = Taxonomy.load(small_tree)
    rows = (load_labelled(small_corpus, taxonomy) * 5)[: len(exact)]
    level = Level(threshold=0.6, error=0.05, confidence=0.95, rows=9, wrong=0, judged_on=9)
    judged = Judged(Calibration(causes=1.0, types=1.0), Thresholds(type=level, cause=level))
    return parity(Scored(rows, exact), Scored(rows, served), judged, taxonomy)


def test_fp16_weights_lie_nearer_to_the_trained_ones_and_take_more_room(
    settings_of: Callable[..., BertSettings], small_tree: Path, small_corpus: Path
) -> None:
    taxonomy = Taxonomy.load(small_tree)
    texts = [row.text for row in load_labelled(small_corpus, taxonomy)]
    reader, windows = load_reader(settings_of(), taxonomy)
    exact = scores_of(reader.eval(), windows, texts)

    def exported(weights: Weights) -> tuple[float, int]:
        files, classifier = export(reader, windows, weights)
        return float(abs(classifier.scores(texts) - exact).max()), len(files[WEIGHTS])

    small, large = exported("int8"), exported("fp16")
    assert large[0] < small[0] / 2
    assert large[1] > small[1]


def test_an_export_that_says_something_else_is_refused(small_tree: Path, small_corpus: Path) -> None:
    exact = np.eye(4)[[0, 1, 2, 3] * 10] * 5
    assert _parity(exact, exact + 0.01, small_tree, small_corpus)["export_cause_agreement"] == 1
    altered = exact.copy()
    altered[0] = altered[0][::-1]
    found = _parity(exact, altered, small_tree, small_corpus)
    assert found["export_cause_agreement"] < 1  # one row may be a tie
    assert found["export_route_agreement"] == 1
    altered[1] = altered[1][::-1]
    with pytest.raises(ModelError, match="says something else"):
        _parity(exact, altered, small_tree, small_corpus)


def test_an_export_that_sends_other_tickets_to_review_is_refused(small_tree: Path, small_corpus: Path) -> None:
    exact = np.eye(4)[[0, 1, 2, 3] * 100] * 5
    doubtful = exact.copy()
    doubtful[:3] /= 50  # the same labels, but no longer sure
    assert _parity(exact, doubtful, small_tree, small_corpus)["export_route_agreement"] == 1 - 3 / 400
    doubtful[:5] = exact[:5] / 50
    with pytest.raises(ModelError, match=r"routes agree in 98\.75%"):
        _parity(exact, doubtful, small_tree, small_corpus)
    wrong = exact.copy()
    wrong[:3] = exact[:3, ::-1]
    with pytest.raises(ModelError, match=r"causes agree in 99\.25%"):
        _parity(exact, wrong, small_tree, small_corpus)


@pytest.mark.parametrize("content", ["kind: forest", "- 1", "kind: bert"])
def test_a_config_of_no_known_kind_or_incomplete_is_refused(tmp_path: Path, content: str) -> None:
    (tmp_path / "a.yaml").write_text(content, encoding="utf-8")
    with pytest.raises(ConfigError):
        load_train_settings(tmp_path / "a.yaml")


def test_a_reader_restored_from_a_folder_says_what_the_folder_says(small_bert: Path, small_tree: Path) -> None:
    taxonomy = Taxonomy.load(small_tree)
    classifier = BertClassifier.load(small_bert)
    reader = restore(small_bert, taxonomy.membership)
    texts = ["村里停电三次", "柜台不耐烦", "报装排队迟迟不办灯暗电压低" * 5]
    exact = scores_of(reader, classifier.windows, texts)
    assert exact == pytest.approx(classifier.scores(texts), abs=0.02)  # its arithmetic may be coarser
    with pytest.raises(ModelError, match="only a BERT"):
        restore(small_tree.parent, taxonomy.membership)
