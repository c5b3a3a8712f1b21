"""Configuration that code keeps as an object: the file, who keeps it, which entries are used where."""

from retrieval.census import run_query
from tests.source_tree import codebase_of

READS = """
    import json

    class Params:
        def __init__(self, **given):
            self.__dict__.update(given)

    def read_config(config_path):
        with open(config_path) as file:
            data = file.read()
        config = json.loads(data)
        return Params(**config)
"""
USES = """
    from reads import read_config
    from net import Net

    class Base:
        def __init__(self, config_path):
            hps = read_config(config_path)
            self.model = Net(hps.model.width, hps.data.rate)
            self.hps = hps

    class Speaker(Base):
        def speak(self, text):
            if self.hps.data["loud"]:
                return save(text, self.hps.data.rate)
            return tune(self.hps)

    def tune(settings):
        return settings.get("pitch")

    speaker = Speaker("weights/config.json")
"""
NET = "class Net:\n    def __init__(self, width, rate):\n        self.config = width\n"


def told(files: dict[str, str | bytes]) -> list[str]:
    return [hit.text for hit in run_query(codebase_of(files), "config_objects").hits]


def test_entries_are_followed_over_attributes_subclasses_and_parameters() -> None:
    (text,) = told({"reads.py": READS, "uses.py": USES, "net.py": NET})
    assert text.startswith("`read_config()` (reads.py) reads a file as JSON")
    assert "kept in `self.hps` of `Base`" in text
    assert "`model.width`, `data.rate` in `Net()` by `Base.__init__()`" in text
    assert "`data.rate` in `save()`, `data.loud` by `Speaker.speak()`" in text
    assert text.endswith("`pitch` by `tune()`")


def test_a_model_that_is_made_of_a_configuration_is_no_configuration() -> None:
    source = """
        import json
        from net import Net

        def make(config_path):
            with open(config_path) as file:
                config = json.load(file)
            net = Net(**config)
            return net.body, config["width"]
    """
    (text,) = told({"make.py": source, "net.py": NET})
    assert "`width`" in text and "body" not in text


def test_a_main_function_that_is_given_its_configuration_parses_and_leads() -> None:
    source = """
        from dora import hydra_main
        from net import Net, train

        @hydra_main(config_path="conf", config_name="base")
        def main(cfg):
            net = Net(cfg.width, cfg.data.rate)
            train(cfg)

        if __name__ == "__main__":
            main()
    """
    files: dict[str, str | bytes] = {"run.py": source, "net.py": NET + "\ndef train(cfg):\n    print(cfg.steps)\n"}
    (text,) = told(files)
    assert text.startswith("`main()` is given its configuration by `@hydra_main(config_path=")
    assert "`width`, `data.rate` in `Net()` by `main()`" in text and "`steps` by `train()`" in text
    (lead,) = [hit.text for hit in run_query(codebase_of(files), "option_ways: what=lead").hits]
    assert lead.startswith("`main()` (run.py) is given the whole configuration by `@hydra_main(config_path='conf'")
    assert "`train()` (all)" in lead
