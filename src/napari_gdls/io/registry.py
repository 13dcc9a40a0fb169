"""Which reader takes a file, and the two questions that are asked of any file: its field, and what it holds."""

from __future__ import annotations

import os
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path

from napari_gdls.errors import FieldError, FieldReadError, GdlsWarning, ReadChoiceError
from napari_gdls.field import Field
from napari_gdls.io.bse_choice import NAMED_OR_COUNTS
from napari_gdls.io.contracts import MAP_OPTIONS, FieldReader, FieldSummary, FileChoices, ReadOptions
from napari_gdls.io.headers import FieldHeader
from napari_gdls.io.limits import checked_beam_energy, checked_energy, checked_memory_limit, existing_path


def readers() -> tuple[FieldReader, ...]:
    """All readers, in the order in which they are asked whether a file is theirs."""
    from napari_gdls.io.edax import EDAX_READER
    from napari_gdls.io.hdf5_maps import HDF5_READER
    from napari_gdls.io.hyperspy_files import HYPERSPY_READER
    from napari_gdls.io.jeol import JEOL_READER
    from napari_gdls.io.oxford import OXFORD_READER
    from napari_gdls.io.points import POINTS_READER
    from napari_gdls.io.ripple import RIPPLE_READER
    from napari_gdls.io.rosetta.reader import ROSETTA_READERS
    from napari_gdls.io.store_reader import STORE_READER
    from napari_gdls.io.tima import TIMA_READER

    own = (STORE_READER, TIMA_READER, OXFORD_READER, EDAX_READER, HYPERSPY_READER, RIPPLE_READER, JEOL_READER)
    return (*own, POINTS_READER, *ROSETTA_READERS, HDF5_READER)


def supported_formats() -> list[tuple[str, str, tuple[str, ...]]]:
    """Name, title and file name endings of every format that `read_field` takes."""
    return [(reader.name, reader.title, reader.endings) for reader in readers()]


def read_field(
    path: str | os.PathLike[str],
    *,
    reader: str | None = None,
    memory_limit: int | None = None,
    bse: str | int | os.PathLike[str] | None = None,
    dataset: str | int | None = None,
    gain: float | None = None,
    energy: tuple[float, float] | None = None,
    beam_energy: float | None = None,
) -> Field:
    """Read a field from a file or folder of any supported format.

    The format is recognised by content, and by the ending of the name where the content does not tell.

    Parameters
    ----------
    path : path-like
        File or folder.
    reader : str, optional
        Name of the format, from `supported_formats`. None: recognised.
    memory_limit : int, optional
        Most bytes that reading may take. None: 4 GiB. Sizes that a file declares are checked before they are allocated.
    bse : str, int or path-like, optional
        For formats with several images or none: name or index of the BSE image in the file, path of a PNG or TIFF image
        in the frame of the map, or "counts" for the map of total counts. None: the image that the file calls so.
    dataset : str or int, optional
        For files that hold several maps: name or index of the one to read; ``"h5:/path"`` for a data set of three axes
        in any HDF5 file.
    gain : float, optional
        Value of one count in the spectra of the file, by which they are divided; 1 for counts. None: found, with a
        warning where it is not 1. Fields in the native store hold counts.
    energy : (float, float), optional
        Energy of the first channel and width of a channel, in eV, for files of other programs whose calibration is
        missing or wrong. None: as the file says. Native stores and TIMA folders keep their own.
    beam_energy : float, optional
        Energy of the beam, in keV, for files that do not say it or say it wrongly. None: as the file says.

    Returns
    -------
    Field
        With energies in eV, the pixel size in um, and all spectra of the file: none is dropped for its counts.

    Raises
    ------
    FieldReadError
        If nothing is there, the format is unknown, the file is damaged, or it needs more memory; where a choice is
        needed, a `ReadChoiceError`.
    RecipeError
        If `memory_limit` or `beam_energy` is no positive number, or `energy` no pair of numbers.
    """
    file, with_reader, options = _asked(path, reader, memory_limit, bse, dataset, gain, energy, beam_energy)
    with _explained(file, with_reader):
        field = with_reader.read(file, options)
        return field if options.beam_energy is None else field.with_beam_energy(options.beam_energy)


def describe(
    path: str | os.PathLike[str],
    *,
    reader: str | None = None,
    memory_limit: int | None = None,
    bse: str | int | os.PathLike[str] | None = None,
    dataset: str | int | None = None,
    gain: float | None = None,
    energy: tuple[float, float] | None = None,
    beam_energy: float | None = None,
) -> FieldSummary:
    """What a file holds: images, spectra, calibration, counts; also where `read_field` would ask for a choice.

    Parameters
    ----------
    path, reader, memory_limit, bse, dataset, gain, energy, beam_energy
        As in `read_field`. A file that needs more than `memory_limit` is described without its counts.

    Raises
    ------
    FieldReadError
        As in `read_field`.
    """
    file, with_reader, options = _asked(path, reader, memory_limit, bse, dataset, gain, energy, beam_energy)
    with _explained(file, with_reader), warnings.catch_warnings():
        warnings.simplefilter("ignore", GdlsWarning)  # the summary says it
        found = with_reader.describe(file, options)
        return found if options.beam_energy is None else replace(found, beam_energy=options.beam_energy)


def field_header(
    path: str | os.PathLike[str],
    *,
    reader: str | None = None,
    memory_limit: int | None = None,
    bse: str | int | os.PathLike[str] | None = None,
    dataset: str | int | None = None,
    gain: float | None = None,
    energy: tuple[float, float] | None = None,
    beam_energy: float | None = None,
) -> FieldHeader:
    """What is known of a field before its counts are read: milliseconds where `describe` goes through all of them.

    Parameters
    ----------
    path, reader, memory_limit, bse, dataset, gain, energy, beam_energy
        As in `read_field`.

    Raises
    ------
    FieldReadError
        As `read_field`, for all but what is wrong with the counts themselves.
    """
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", GdlsWarning)  # reading says it
        return header_with_warnings(
            path, reader=reader, memory_limit=memory_limit, bse=bse, dataset=dataset, gain=gain, energy=energy,
            beam_energy=beam_energy,
        )  # fmt: skip


def header_with_warnings(
    path: str | os.PathLike[str],
    *,
    reader: str | None = None,
    memory_limit: int | None = None,
    bse: str | int | os.PathLike[str] | None = None,
    dataset: str | int | None = None,
    gain: float | None = None,
    energy: tuple[float, float] | None = None,
    beam_energy: float | None = None,
) -> FieldHeader:
    """As `field_header`, for threads, none of which can hold warnings back for itself."""
    file, with_reader, options = _asked(path, reader, memory_limit, bse, dataset, gain, energy, beam_energy)
    with _explained(file, with_reader):
        found = with_reader.header(file, options)
        return found if options.beam_energy is None else replace(found, beam_energy=options.beam_energy)


def file_choices(path: str | os.PathLike[str], *, memory_limit: int | None = None) -> FileChoices:
    """What the options `bse` and `dataset` of `read_field` can choose in a file.

    Parameters
    ----------
    path, memory_limit
        As in `read_field`.

    Raises
    ------
    FieldReadError
        As in `read_field`, where nothing can be read whatever is chosen.
    """
    from napari_gdls.io.mindif import is_mindif
    from napari_gdls.io.mindif_summary import mindif_choices

    file = existing_path(path)
    options = ReadOptions(checked_memory_limit(memory_limit))
    if is_mindif(file):
        return mindif_choices(file)
    with_reader = find_reader(file)
    with _explained(file, with_reader), warnings.catch_warnings():
        warnings.simplefilter("ignore", GdlsWarning)  # reading says it
        return with_reader.choices(file, options)


def _asked(
    path: str | os.PathLike[str],
    reader: str | None,
    memory_limit: int | None,
    bse: str | int | os.PathLike[str] | None,
    dataset: str | int | None,
    gain: float | None,
    energy: tuple[float, float] | None,
    beam_energy: float | None,
) -> tuple[Path, FieldReader, ReadOptions]:
    """The file, who reads it, and what was chosen of it, all checked."""
    file = existing_path(path)
    options = ReadOptions(
        checked_memory_limit(memory_limit),
        bse,
        dataset,
        gain,
        checked_energy(energy),
        checked_beam_energy(beam_energy),
    )
    with_reader = _reader_for(file, reader, dataset)
    _require_meaning(file, with_reader, options)
    return file, with_reader, options


def _require_meaning(path: Path, reader: FieldReader, options: ReadOptions) -> None:
    """Refuse what was chosen where the format leaves no choice: passed over in silence, it would be taken as done."""
    for name in MAP_OPTIONS:
        given = getattr(options, name)
        if given is None or name in reader.leaves_open or given == NAMED_OR_COUNTS:
            continue
        raise FieldReadError(
            path,
            f"leaves no choice of {_CHOICES_IN_WORDS[name]}: it is a {reader.title}, which has its own",
            remedy=f"Leave `{name}=` out.",
        )


_CHOICES_IN_WORDS = {
    "dataset": "a map",
    "bse": "a BSE image",
    "energy": "an energy calibration",
    "gain": "the value of one count",
}


@contextmanager
def _explained(path: Path, reader: FieldReader) -> Iterator[None]:
    """Turn what a reader lets through into the one error of reading."""
    try:
        yield
    except FieldError as error:
        problem = f"read as {reader.title}, it is no consistent field: {error.problem.rstrip('.')}"
        if error.option:
            raise ReadChoiceError(path, problem, option=error.option, remedy=error.remedy) from error
        raise FieldReadError(path, problem, remedy="Correct it in the program that wrote the file.") from error
    except MemoryError:
        raise _out_of_memory(path) from None
    except OSError as error:
        raise FieldReadError(path, f"cannot be read: {error.strerror or error}") from error


def _reader_for(path: Path, name: str | None, dataset: str | int | None) -> FieldReader:
    """The reader for a file: that of HDF5 where a data set is chosen by its path, else as `find_reader` has it."""
    from napari_gdls.io.hdf5_maps import HDF5_READER, is_path_in_hdf5

    return HDF5_READER if name is None and is_path_in_hdf5(path, dataset) else find_reader(path, name)


def find_reader(path: str | os.PathLike[str], name: str | None = None) -> FieldReader:
    """The reader for a file or folder: the named one, else by content, else by the ending of the file name.

    Reads some bytes only.

    Raises
    ------
    FieldReadError
        If nothing is there, or no reader takes it.
    """
    path = existing_path(path)
    known = readers()
    if name is not None:
        for reader in known:
            if reader.name == name:
                return reader
        raise FieldReadError(
            path, f"there is no format {name!r}", remedy=f"There are {', '.join(r.name for r in known)}."
        )
    for reader in known:
        if _recognises(reader, path):
            return reader
    if path.is_file() and path.stat().st_size == 0:
        raise FieldReadError(path, "is an empty file", remedy="Copy it again from its source.")
    for reader in known:
        if path.name.lower().endswith(reader.endings):
            return reader
    from napari_gdls.io.mindif import is_mindif

    if is_mindif(path):
        raise FieldReadError(
            path,
            "is a MinDIF export, which holds phases but no spectra and so is no field",
            remedy="As truth, read it with napari_gdls.io.read_mindif; to segment, take the TIMA field itself.",
        )
    header = path.with_suffix(".rpl")
    if path.suffix.lower() == ".raw" and header.is_file():
        raise FieldReadError(path, "holds the counts of a Ripple file", remedy=f"Open its header, {header.name}.")
    from napari_gdls.io.spectrum_files import is_spectrum_file

    if is_spectrum_file(path):
        raise FieldReadError(
            path,
            "is one spectrum, no map",
            remedy="Find its minerals or its composition (napari-gdls identify, napari-gdls quantify); spectra of many "
            "places are a field as a folder with bse.png and points.csv.",
        )
    endings = ", ".join(ending for reader in known for ending in reader.endings)
    raise FieldReadError(
        path,
        "is a folder without a field" if path.is_dir() else "is of no known format",
        remedy=f"Known are TIMA field folders (bse.png beside xray.map), folders of points (bse.png beside "
        f"points.csv or spectra.npz) and {endings}.",
    )


def _recognises(reader: FieldReader, path: Path) -> bool:
    try:
        return reader.sniff(path)
    except OSError:  # what may not be looked into cannot be recognised; the name remains
        return False


def _out_of_memory(path: Path) -> FieldReadError:
    return FieldReadError(path, "needs more memory than there is", remedy="Close other programs, or crop the field.")
