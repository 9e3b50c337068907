# Prints what the SCRIPT offers in place of the last word: completes.zsh SCRIPT WORD...
# zsh completes on a terminal only, so there is another zsh on one, whose compadd tells what it is given.
zmodload zsh/zpty
zpty terminal zsh -f -i
tell() { zpty -w terminal "$1"; }
tell "stty -echo; PROMPT='' PS2=''"
tell 'autoload -Uz compinit && compinit -u -d $HOME/.zcompdump; fpath=(. $fpath); autoload -Uz _gate46; compdef _gate46 gate46'
tell 'compadd() {
  if [[ ${@[1,(i)(-|--)]} == *-[OAD]* ]]; then builtin compadd "$@"; return; fi
  local -a hits; builtin compadd -O hits "$@"; (( $#hits )) && printf "offers <%s>\n" $hits; builtin compadd "$@"
}'
tell 'ask() { compstate[insert]= compstate[list]=; _main_complete; compstate[insert]= compstate[list]=; print "that is all" }'
tell 'zle -C ask complete-word ask; bindkey "^I" ask; print rea""dy'
zpty -r terminal line '*ready*'
zpty -w -n terminal "${(j: :)${@:2}}"$'\t'
while zpty -r terminal line; do
  line=${line//$'\r'/}
  [[ $line == *"that is all"* ]] && break
  [[ $line =~ 'offers <(.*)>' ]] && print -r -- $match[1]
done
zpty -d terminal
