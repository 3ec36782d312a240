# Makes the manual page fourtuple.conf(5) from fourtuple.conf: a comment and the keys under it become
# an entry.
BEGIN {
	print ".TH FOURTUPLE.CONF 5 \"\" fourtuple"
	print ".SH NAME\nfourtuple.conf \\- configuration of a fourtuple stack\n.SH DESCRIPTION"
}

function escaped(text) {
	gsub(/\\/, "\\e", text)
	gsub(/-/, "\\-", text)
	return text ~ /^[.']/ ? "\\&" text : text
}

# Indented lines are shown as they are.
function set_as_is(wanted) {
	if (wanted != is_as_is)
		text = text (wanted ? "\n.nf" : "\n.fi")
	is_as_is = wanted
}

# A comment without keys is prose.
function end_entry() {
	set_as_is(0)
	if (text != "")
		print (keys != "" ? keys : ".PP\n") text
	else if (keys != "")
		print keys
	text = keys = ""
}

function add_key(line) {
	sub(/^#/, "", line)
	keys = keys (keys == "" ? ".TP\n" : ".TQ\n") "\\fB" escaped(line) "\\fP\n"
}

# The first paragraph names the file; man's NAME says that already.
NR == 1 { next }
/^\[/ { end_entry(); print ".SH " $0; next }
/^$/ || /^#$/ { if (keys != "" || /^$/) end_entry(); else if (text != "") text = text "\n.sp\n"; next }
/^#   / { set_as_is(1); text = text "\n" escaped(substr($0, 5)); next }
/^# / { set_as_is(0); text = text (text == "" ? "" : "\n") escaped(substr($0, 3)); next }
{ add_key($0) }
END {
	end_entry()
	print ".SH SEE ALSO\n.BR ft-echo (1)"
}
