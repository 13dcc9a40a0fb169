from .recipe import UnmixingRecipe as UnmixingRecipe
