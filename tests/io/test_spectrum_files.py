"""Single spectra from files: EMSA/MAS as the standard and as instruments write it, and Bruker's."""

import base64
import zlib

import numpy as np
import pytest
from benchmarks.spectra import _ADM_6005A, read_standard
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from napari_gdls import EnergyAxis
from napari_gdls.errors import FieldReadError, GdlsWarning
from napari_gdls.io import is_spectrum_file, read_spectrum, write_msa
from napari_gdls.io.spectrum import Spectrum

COUNTS = [0, 3, 12, 7, 100, 2, 1, 0]
ROWS = "\n".join(f"{value}," for value in COUNTS)


def msa(data=ROWS, end="#ENDOFDATA   : \n", **changes):
    keywords = {
        "FORMAT": "EMSA/MAS Spectral Data File",
        "VERSION": "1.0",
        "TITLE": "test",
        "NPOINTS": len(COUNTS),
        "NCOLUMNS": 1,
        "XUNITS": "eV",
        "YUNITS": "counts",
        "DATATYPE": "Y",
        "XPERCHAN": 20,
        "OFFSET": -10,
        "BEAMKV": 20,
        "SIGNALTYPE": "EDS",
        "ELEVANGLE": 35,
        "LIVETIME": 50,
    } | changes
    lines = [f"#{key:12s}: {value}" for key, value in keywords.items() if value is not None]
    return "\n".join([*lines, "#SPECTRUM    : ", data, ""]) + end


@pytest.fixture
def read(tmp_path):
    def reading(content, name="x.msa") -> Spectrum:
        path = tmp_path / name
        path.write_bytes(content.encode("latin-1") if isinstance(content, str) else content)
        return read_spectrum(path)

    return reading


def test_a_file_as_the_standard_says(read):
    spectrum = read(msa())
    assert spectrum.counts.tolist() == COUNTS
    assert spectrum.energy == EnergyAxis(-10, 20, 8)
    assert (spectrum.beam_energy, spectrum.take_off_angle, spectrum.live_time) == (20, 35, 50)
    assert (spectrum.title, spectrum.composition) == ("test", None)


XY = "\n".join(f"{-10 + 20 * k}., {value}" for k, value in enumerate(COUNTS))
FOUR = "0, 3, 12, 7, 100,\n2, 1, 0, 0, 0,"


@pytest.mark.parametrize(
    "content",
    [
        msa(end="\n"),
        msa(NPOINTS=None),
        msa(NPOINTS="8."),
        msa().replace("\n", "\r\n"),
        msa().replace("\n", "\r"),
        "\xef\xbb\xbf" + msa(),
        msa(ROWS.replace(",", "")),
        msa("  ".join(map(str, COUNTS)), NCOLUMNS=8),
        msa(",".join(map(str, COUNTS)), NCOLUMNS=8),
        msa(",".join(map(str, COUNTS)), NCOLUMNS=8, NPOINTS=None),
        msa(FOUR, NCOLUMNS=5),
        msa(XY, DATATYPE="XY"),
        msa(XY, DATATYPE="XY", XPERCHAN=None, OFFSET=None),
        msa(XY, DATATYPE="xy", XPERCHAN=None),
        msa(XY.replace(", ", "\t"), DATATYPE="XY"),
        msa(XY.replace(", ", "; ").replace(".", ",0"), DATATYPE="XY", NPOINTS=None, XPERCHAN="20,0"),
        msa("\n".join(f"{value},0" for value in COUNTS)),
        msa("\n".join(f"{value},0" for value in COUNTS), NPOINTS=None, OFFSET="-10,0"),
        msa(XUNITS="keV", XPERCHAN="0.02", OFFSET="-0.01"),
        msa(XUNITS="KEV", XPERCHAN="0,02", OFFSET="-0,01"),
        msa(XUNITS=None, XPERCHAN="0.02", OFFSET="-0.01", XLABEL="Energy (keV)"),
        msa(XUNITS=None),
        msa(OFFSET=None, CHOFFSET=0.5),
        msa(CHOFFSET=0.0),
        msa(XPERCHAN="2.0 E+01"),
        msa(XPERCHAN="20 eV"),
        msa(SIGNALTYPE=None),
        msa(SIGNALTYPE="edx"),
        msa().replace("#BEAMKV      ", "#beamkv   -kV").replace("#ELEVANGLE   ", "#ELEVANGLE-dg"),
        msa("\n".join(str(value / 50) for value in COUNTS), YUNITS="cps"),
        msa("\n".join(f"{value}.0E+00" for value in COUNTS)),
    ],
)
def test_files_as_instruments_write_them(read, content):
    spectrum = read(content)
    np.testing.assert_allclose(spectrum.counts, COUNTS, rtol=1e-12)
    assert spectrum.energy.size == 8
    assert (spectrum.energy.offset, spectrum.energy.width) == pytest.approx((-10, 20))
    assert (spectrum.beam_energy, spectrum.take_off_angle) == (20, 35)


def test_energies_that_were_rounded_are_those_of_the_keywords(read):
    rounded = "\n".join(f"{round(-10 + 20.4 * k, -1):.0f}, {value}" for k, value in enumerate(COUNTS))
    assert read(msa(rounded, DATATYPE="XY", XPERCHAN=20.4)).energy == EnergyAxis(-10, 20.4, 8)
    assert read(msa(rounded, DATATYPE="XY", XPERCHAN=5)).energy == EnergyAxis(-10, 20, 8)


def test_what_a_file_does_not_say_is_not_known(read):
    bare = read(msa(BEAMKV=None, ELEVANGLE=None, LIVETIME=None, TITLE=None))
    assert (bare.beam_energy, bare.take_off_angle, bare.live_time, bare.title) == (None, None, None, "")
    zero = read(msa(BEAMKV=0, ELEVANGLE=0.0, LIVETIME=0))
    assert (zero.beam_energy, zero.take_off_angle, zero.live_time) == (None, None, None)


def test_titles_have_any_letters_and_several_lines(read):
    assert read(msa(TITLE="Perowskit: ähnlich")).title == "Perowskit: ähnlich"
    assert read(msa(TITLE="one\n#TITLE       : two")).title == "one two"


def test_compositions_of_standards(read):
    def of(text):
        return read(msa(**{"#D2STDCMP": text})).composition

    assert of("SiO2,(O:53.2565),(Si:46.7435),2.65") == pytest.approx({"O": 0.532565, "Si": 0.467435})
    assert of("Fe,(Fe:100.0)") == {"Fe": 1.0}
    for wrong in ("SiO2", "x,(Xx:50),(Si:50)", "x,(O:1e3),(Si:50)", "x,(O:0.53),(Si:0.47)", "x,(O:-5),(Si:100)"):
        with pytest.warns(GdlsWarning, match="was left out"):
            assert of(wrong) is None


@pytest.mark.parametrize(
    ("content", "problem"),
    [
        ("", "empty"),
        ("Energy,Counts\n1,2\n", "no spectrum in a format"),
        (msa(SIGNALTYPE="ELS"), "kind ELS"),
        (msa(XUNITS="nm"), "'nm'"),
        (msa(data=""), "no spectrum"),
        (msa(NPOINTS=9), "8 numbers where it should hold 9"),
        (msa(NPOINTS=7), "8 numbers where it should hold 7"),
        (msa(NPOINTS="eight"), "NPOINTS"),
        (msa(ROWS + "\nnan,"), "'nan' is no number"),
        (msa(ROWS.replace("12", "1_2")), "'1_2' is no number"),
        (msa(XPERCHAN=None), "XPERCHAN is missing"),
        (msa(XPERCHAN=None, OFFSET=None), "OFFSET and XPERCHAN is missing"),
        (msa(XPERCHAN=0.02), "eV and keV are mixed up"),
        (msa(XPERCHAN=-20), "positive"),
        (msa(BEAMKV=20_000), "beam energy of 20000 keV"),
        (msa(BEAMKV=-1), "beam energy"),
        (msa(ELEVANGLE=135), "take-off angle of 135"),
        (msa(NPOINTS=None, end=""), "cut short"),
        (msa()[: msa().index("#ENDOF") - 3], "cut short"),
        (msa(XY + "\n200, 3", DATATYPE="XY", NPOINTS=9), "not evenly spaced"),
        (msa("5, 3", DATATYPE="XY", NPOINTS=1), "one channel"),
        (msa(YUNITS="counts/s", LIVETIME=None), "no live time"),
    ],
)  # fmt: skip
def test_what_cannot_be_read_is_refused_in_a_sentence(read, content, problem):
    with pytest.raises(FieldReadError, match=problem) as caught:
        read(content)
    assert "x.msa" in str(caught.value)


def test_paths_that_are_no_files(tmp_path):
    for path, problem in ((tmp_path, "folder"), (tmp_path / "no.msa", "does not exist")):
        with pytest.raises(FieldReadError, match=problem):
            read_spectrum(path)
    assert not is_spectrum_file(tmp_path)


@given(
    counts=arrays(np.float64, 7, elements=st.floats(-1e12, 1e12)),
    title=st.text(st.characters(codec="ascii", categories=("L", "N")), max_size=64),
    offset=st.floats(-500, 500),
    width=st.floats(20, 100),
    beam=st.none() | st.floats(0.1, 300),
    angle=st.none() | st.floats(0.1, 90),
    seconds=st.none() | st.floats(1e-3, 1e6),
)
def test_what_is_written_reads_back(tmp_path_factory, counts, title, offset, width, beam, angle, seconds):
    path = tmp_path_factory.mktemp("msa") / "any.msa"
    energy = EnergyAxis(offset, width, 7)
    if not offset + 6 * width >= 100:
        return
    write_msa(path, counts, energy, title=title, beam_energy=beam, take_off_angle=angle, live_time=seconds)
    spectrum = read_spectrum(path)
    np.testing.assert_array_equal(spectrum.counts, counts)
    assert spectrum.energy == energy
    assert (spectrum.beam_energy, spectrum.take_off_angle, spectrum.live_time) == (beam, angle, seconds)
    assert spectrum.title == title
    assert is_spectrum_file(path)


def test_standards_of_nist(shared_data):
    paths = sorted((shared_data / "nist_standards").glob("*.msa"))
    if not paths:
        pytest.skip("needs the NIST standards")
    for path in paths:
        ours, expected = read_spectrum(path), read_standard(path)
        np.testing.assert_array_equal(ours.counts, expected.counts)
        assert ours.energy == expected.axis
        assert (ours.beam_energy, ours.take_off_angle) == (expected.beam_energy, expected.take_off)
        # The file of this glass states no composition; the benchmark has a table of its own.
        assert (ours.composition or _ADM_6005A) == expected.composition


def test_standards_of_nist_as_another_program_reads_them(shared_data):
    other = pytest.importorskip("rsciio.msa")
    for path in sorted((shared_data / "nist_standards").glob("*.msa")):
        ours, (expected,) = read_spectrum(path), other.file_reader(str(path))
        np.testing.assert_array_equal(ours.counts, expected["data"])
        (axis,) = expected["axes"]
        assert (ours.energy.offset, ours.energy.width) == (axis["offset"], axis["scale"])


def spx(counts=COUNTS, offset="-1.0E-2", width="2.0E-2", beam="2.0E1", extra="", angle="35", live="50000"):
    layers = base64.b64encode(zlib.compress(b"<Layers/>")).decode()
    return f"""<?xml version="1.0" encoding="WINDOWS-1252" standalone="yes"?>
<TRTSpectrum>
  <ClassInstance Type="TRTSpectrum" Name="Körner 1">
    <TRTHeaderedClass>
      <ClassInstance Type="TRTSpectrumHardwareHeader">
        <RealTime>60000</RealTime><LifeTime>{live}</LifeTime><Amplification>20000</Amplification>
      </ClassInstance>
      <ClassInstance Type="TRTDetectorHeader">
        <Type>XFlash 6|30</Type><DetLayers>{layers}</DetLayers>
      </ClassInstance>
      <ClassInstance Type="TRTESMAHeader">
        <PrimaryEnergy>{beam}</PrimaryEnergy><ElevationAngle>{angle}</ElevationAngle><AzimutAngle>0</AzimutAngle>
      </ClassInstance>{extra}
    </TRTHeaderedClass>
    <ClassInstance Type="TRTSpectrumHeader">
      <Date>1.2.2020</Date><Time>10:20:30</Time><ChannelCount>8</ChannelCount>
      <CalibAbs>{offset}</CalibAbs><CalibLin>{width}</CalibLin>
    </ClassInstance>
    <Channels>{",".join(map(str, counts))}</Channels>
  </ClassInstance>
</TRTSpectrum>
"""


class TestBruker:
    def test_a_spectrum(self, read):
        spectrum = read(spx(), "x.spx")
        assert spectrum.counts.tolist() == COUNTS
        assert (spectrum.energy.offset, spectrum.energy.width) == pytest.approx((-10, 20))
        assert (spectrum.beam_energy, spectrum.take_off_angle, spectrum.live_time) == (20, 35, 50)
        assert spectrum.title == "Körner 1"
        comma = read(spx(offset="-0,01", width="0,02"), "x.spx")
        assert comma.energy == spectrum.energy

    def test_as_another_program_reads_it(self, read, tmp_path):
        bruker = pytest.importorskip("rsciio.bruker")
        ours = read(spx(), "x.spx")
        (expected,) = bruker.file_reader(str(tmp_path / "x.spx"))
        np.testing.assert_array_equal(ours.counts, expected["data"])
        (axis,) = expected["axes"]
        assert axis["units"] == "keV"
        assert (ours.energy.offset, ours.energy.width) == pytest.approx((1000 * axis["offset"], 1000 * axis["scale"]))
        microscope = expected["metadata"]["Acquisition_instrument"]["SEM"]
        assert ours.beam_energy == microscope["beam_energy"]
        assert ours.take_off_angle == microscope["Detector"]["EDS"]["elevation_angle"]
        assert ours.title == expected["metadata"]["Sample"]["name"]

    @pytest.mark.parametrize(
        ("content", "problem"),
        [
            (spx()[:300], "no XML"),
            (spx().replace("<TRTSpectrum>", '<!DOCTYPE a [<!ENTITY b "c">]><TRTSpectrum>&b;', 1), "no XML"),
            (spx(counts=["x"]), "no counts"),
            (spx(counts=[]), "no counts"),
            (spx(width="0"), "no energy axis"),
            (spx(width=""), "no energy calibration"),
            (spx(offset="zero"), "'zero' is no number"),
            (spx(beam="-5"), "beam energy"),
            (spx(extra='<ClassInstance Type="TRTXrfHeader"/>'), "X-rays"),
            (spx().replace('Type="TRTSpectrum"', 'Type="TRTOther"'), "0 spectra"),
            (spx().replace("</TRTSpectrum>", '<ClassInstance Type="TRTSpectrum"/></TRTSpectrum>'), "2 spectra"),
        ],
    )
    def test_what_cannot_be_read_is_refused(self, read, content, problem):
        with pytest.raises(FieldReadError, match=problem):
            read(content, "x.spx")

    def test_a_bare_spectrum_knows_neither_beam_nor_angle(self, read):
        bare = read(spx(beam="", angle="", live=""), "x.spx")
        assert (bare.beam_energy, bare.take_off_angle, bare.live_time) == (None, None, None)


def test_units_stand_in_keywords_behind_a_dash_or_a_blank(read):
    content = msa().replace("#BEAMKV      ", "#BEAMKV kV").replace("#LIVETIME    ", "#LIVETIME  -s")
    content = content.replace("#SPECTRUM", "#XPOSITION mm: 12.3\n#SPECTRUM")
    assert (read(content).beam_energy, read(content).live_time) == (20, 50)


def test_a_spectrum_in_words(read):
    rows = dict(read(msa(TITLE="albite", **{"#D2STDCMP": "SiO2,(O:53.25),(Si:46.75),2.65"})).rows())
    assert rows["title"] == "albite"
    assert rows["energy"] == "8 channels of 20 eV, -10 to 130 eV"
    assert rows["counts"] == "125, of which 103 above 50 eV"
    assert (rows["beam energy"], rows["take-off angle"], rows["live time"]) == ("20 keV", "35 degrees", "50 s")
    assert rows["composition"] == "O 53.25 %, Si 46.75 %"
    bare = dict(read(msa(BEAMKV=None, ELEVANGLE=None, LIVETIME=None, TITLE=None)).rows())
    assert {bare["title"], bare["beam energy"], bare["take-off angle"], bare["live time"]} == {"not in the file"}
