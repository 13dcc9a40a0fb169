from .field_results import FieldResult as FieldResult
from .field_results import Parts as Parts
from .field_results import read_field_result as read_field_result
from .inputs import FieldInput as FieldInput
