"""Scripts by which shells complete the names of programs and flags."""

from collections.abc import Mapping, Sequence

SHELLS = ("bash", "zsh", "fish")

_BASH = """\
_tfstyle() {{
  local word=${{COMP_WORDS[COMP_CWORD]}} flags=
  if [ "$COMP_CWORD" -eq 1 ]; then
    COMPREPLY=($(compgen -W "{programs}" -- "$word"))
    return
  fi
  case ${{COMP_WORDS[1]}} in
{cases}
  esac
  case $word in
    --*)
      COMPREPLY=($(compgen -W "$flags" -- "$word"))
      [[ $COMPREPLY != *= ]] || compopt -o nospace 2>/dev/null ;;
    *)
      local IFS=$'\\n'
      word=${{word#=}}
      compopt -o filenames 2>/dev/null
      COMPREPLY=($(compgen -f -- "${{word//\\\\/}}")) ;;
  esac
}}
complete -F _tfstyle tfstyle"""
_ZSH = "autoload -U +X bashcompinit && bashcompinit\n"


def script(shell: str, flags: Mapping[str, Sequence[str]]) -> str:
    """Returns a script to source, or to put where a shell looks for it.

    Args:
        shell: One of `SHELLS`.
        flags: Program -> its flags; `=` is after those that need a value.
    """
    if shell == "fish":
        return "\n".join(_fish(flags))
    cases = "\n".join(
        f"    {program}) flags='{' '.join(f'--{name}' for name in names)}' ;;"
        for program, names in flags.items()
    )
    text = _BASH.format(programs=" ".join(flags), cases=cases)
    return (_ZSH if shell == "zsh" else "") + text


def _fish(flags: Mapping[str, Sequence[str]]) -> list[str]:
    programs = " ".join(flags)
    lines = [f"complete -c tfstyle -n __fish_use_subcommand -f -a '{programs}'"]
    for program, names in flags.items():
        seen = f"'__fish_seen_subcommand_from {program}'"
        lines += [
            f"complete -c tfstyle -n {seen} -l {name.replace('=', ' -r')}"
            for name in names
        ]
    return lines
