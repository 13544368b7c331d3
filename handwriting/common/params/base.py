"""What all sections of a parameters file share: the base class and common types of values."""

from collections.abc import Mapping
from typing import Annotated, Any, Literal, get_args, get_origin

from pydantic import BaseModel, ConfigDict, Field, model_validator
from pydantic.fields import FieldInfo
from pydantic_core import PydanticCustomError

# A name becomes part of a stage's name, of a file's name and of a chart.
NAME_PATTERN = r"^[a-z][a-z0-9_]*$"
SHA256_PATTERN = r"^[0-9a-f]{64}$"
Name = Annotated[str, Field(pattern=NAME_PATTERN)]
Sha256 = Annotated[str, Field(pattern=SHA256_PATTERN)]
# A number of rows, pixels or the like: more than any table has, and few enough for every library.
PositiveInt = Annotated[int, Field(ge=1, le=10**9)]
Seconds = Annotated[float, Field(gt=0, le=86_400)]
Fraction = Annotated[float, Field(gt=0, lt=1)]
Seed = Annotated[int, Field(ge=0, lt=2**32)]
FoldCount = Annotated[int, Field(ge=2, le=20)]
# An integer is a number of rows; a number between 0 and 1 is a share of them.
CountOrFraction = PositiveInt | Fraction


class StrictModel(BaseModel):
    """A mapping in a parameters file: unknown keys and implicit type conversions are errors."""

    model_config = ConfigDict(extra="forbid", frozen=True, strict=True, allow_inf_nan=False)

    @model_validator(mode="before")
    @classmethod
    def _forbid_unknown_keys(cls, content: Any) -> Any:
        """Raise an error that lists the allowed keys, which `extra="forbid"` alone does not."""
        if isinstance(content, Mapping):
            for key in content:
                if key not in cls.model_fields:
                    fields = cls.model_fields.items()
                    allowed = ", ".join(name for name, field in fields if not _is_tag(field))
                    raise PydanticCustomError(
                        "unknown_key", "unknown key", {"key": str(key), "allowed": allowed}
                    )
        return content


def _is_tag(field: FieldInfo) -> bool:
    """Return whether a field only selects its model; it is then always given."""
    return get_origin(field.annotation) is Literal and len(get_args(field.annotation)) == 1
