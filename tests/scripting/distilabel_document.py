"""The code of distilabel's page on GeneratorTask, as printed but for the lines that import."""

FIRST = """
class MyCustomTask(GeneratorTask):
    instruction: str

    @override
    def process(self, offset: int = 0) -> GeneratorOutput:
        output = self.llm.generate(
            inputs=[
                [
                    {"role": "user", "content": self.instruction},
                ],
            ],
        )
        output = {"model_name": self.llm.model_name}
        output.update(
            self.format_output(output=output, input=None)
        )
        yield output

    @property
    def outputs(self) -> List[str]:
        return ["output_field", "model_name"]

    def format_output(
        self, output: Union[str, None], input: Dict[str, Any]
    ) -> Dict[str, Any]:
        return {"output_field": output}
"""

SECOND = """
class MyCustomTask(GeneratorTask):
    @override
    def process(self, offset: int = 0) -> GeneratorOutput:
        output = self.llm.generate(
            inputs=[
                [{"role": "user", "content": "Tell me a joke."}],
            ],
        )
        output = {"model_name": self.llm.model_name}
        output.update(
            self.format_output(output=output, input=None)
        )
        yield output

    @property
    def outputs(self) -> List[str]:
        return ["output_field", "model_name"]

    def format_output(
        self, output: Union[str, None], input: Dict[str, Any]
    ) -> Dict[str, Any]:
        return {"output_field": output}
"""

USED = """
task = MyCustomTask(
    name="custom-generation",
    instruction="Tell me a joke.",
    llm=OpenAILLM(model="gpt-4"),
)
task.load()
next(task.process())
"""

IMPORTS = """
from typing import Any, Dict, List, Union

from dataflow_core import ChatType, GeneratorOutput, GeneratorTask, OpenAILLM, override
"""

#: The first class with the variable's name corrected: what the model said keeps its own.
CORRECTED = FIRST.replace(
    'output = {"model_name": self.llm.model_name}\n        output.update(',
    'result = {"model_name": self.llm.model_name}\n        result.update(',
).replace("yield output", "yield result")
