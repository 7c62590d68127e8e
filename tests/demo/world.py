"""Demo, the world: the stage, Benchling, the account `default`, and the examples with their sinks."""
import secrets

from examples import Partner, table
from play import Benchling, Cloud

KINDS = "benchlingsubscription,benchlingapp,eventbus,eventsink,eventrule"


class World:
    def __init__(self, stage, folders=None):
        self.stage, self.benchling, self.cloud = stage, Benchling(stage.bed), Cloud(stage.bed)
        self.examples = [example for example in table() if folders is None or example.folder in folders]
        self.folders = sorted({example.folder for example in self.examples})
        for example in self.examples:
            for sink in [*example.everywhere(), *example.others, *example.follow, *filter(None, [example.dead_letter])]:
                sink.at(stage.bed)

    def partners(self):
        return [example for example in self.examples if isinstance(example, Partner)]

    def state(self, example):
        """Of the example's event source, as its account sees it."""
        return Cloud(self.stage.bed, example.account).source_state(example.source)

    def send(self, example, make, mark=None):
        """Publishes an event with a value chosen now, and gives it back."""
        made = make(mark or secrets.token_hex(4))
        example.publish(self, made)
        return made
